import { describe, expect, it } from 'vitest';
import { chooseBatchSize, worthwhileSizes } from '../../src/scheduling/batch-size.js';

/** A device whose batches cost a fixed time and a little more a sample: larger ones pay. */
const gpuMs = (size: number): number => 10 + size;
/** A device that gains nothing from batches. */
const cpuMs = (size: number): number => 100 * size;

describe('the choice of a batch size', () => {
  it('takes all that waits where larger batches pay', () => {
    const choice = chooseBatchSize(8, [1, 2, 4, 8], false, gpuMs);
    expect(choice.samples).toBe(8);
  });

  it('takes the smallest batch where larger ones make nothing faster', () => {
    expect(chooseBatchSize(8, [1, 2, 4, 8], false, cpuMs).samples).toBe(1);
  });

  it('runs what is there, unpadded, on a device that takes any shape', () => {
    const choice = chooseBatchSize(3, [1, 2, 4, 8], false, gpuMs);
    expect(choice.samples).toBe(3);
    expect(choice.runSize(3)).toBe(3);
  });

  it('pads up to the next preferred size on a device that must not see others', () => {
    const choice = chooseBatchSize(3, [1, 2, 4, 8], true, gpuMs);
    expect(choice.samples).toBe(3);
    expect(choice.runSize(3)).toBe(4);
  });

  it('would rather run a full smaller batch than a mostly empty large one', () => {
    const steep = (size: number): number => (size === 8 ? 80 : size * 5);
    const choice = chooseBatchSize(5, [4, 8], true, steep);
    expect(choice.samples).toBe(4);
    expect(choice.runSize(4)).toBe(4);
  });

  it('never waits for more: one sample runs although only eight is preferred', () => {
    const choice = chooseBatchSize(1, [8], true, gpuMs);
    expect(choice.samples).toBe(1);
    expect(choice.runSize(1)).toBe(8);
  });
});

describe('the sizes worth running', () => {
  it('keeps those that make a sample faster than every smaller one', () => {
    const measured = [1, 2, 4, 8].map((batchSize) => ({ batchSize, milliseconds: gpuMs(batchSize) }));
    expect(worthwhileSizes([1, 2, 4, 8], measured)).toEqual([1, 2, 4, 8]);
  });

  it('drops those that only add waiting', () => {
    const measured = [1, 2, 4, 8].map((batchSize) => ({ batchSize, milliseconds: cpuMs(batchSize) }));
    expect(worthwhileSizes([1, 2, 4, 8], measured)).toEqual([1]);
  });

  it('believes the manifest where nothing was measured', () => {
    expect(worthwhileSizes([1, 4], [])).toEqual([1, 4]);
  });
});
