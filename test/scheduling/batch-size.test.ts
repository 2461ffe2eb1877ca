import { describe, expect, it } from 'vitest';
import {
  allowedSizes,
  chooseBatchSize,
  padUp,
  sizesAt,
  worthwhileSizes,
} from '../../src/scheduling/batch-size.js';

/** A device whose batches cost a fixed time and a little more a sample: larger ones pay. */
const gpuMs = (size: number): number => 10 + size;
/** A device that gains nothing from batches. */
const cpuMs = (size: number): number => 100 * size;

const asItIs = (samples: number): number => samples;
const padded = (samples: number): number => padUp(samples, [1, 2, 4, 8]);

describe('the sizes a device may run', () => {
  it('are the bundle’s, or those set by hand, as far as the largest batch goes', () => {
    expect(allowedSizes([1, 2, 4, 8], [], 8)).toEqual([1, 2, 4, 8]);
    expect(allowedSizes([1, 2, 4, 8], [], 3)).toEqual([1, 2]);
    expect(allowedSizes([1, 2, 4, 8], [1, 3], 8)).toEqual([1, 3]);
    expect(allowedSizes([2, 4], [], 1)).toEqual([1]);
  });

  it('become fewer as pictures grow, since memory grows with pixels, and no more as they shrink', () => {
    const at = (width: number, height = width) => sizesAt([1, 2, 4, 8], [512, 512], { width, height });
    expect(at(512)).toEqual([1, 2, 4, 8]);
    expect(at(256)).toEqual([1, 2, 4, 8]);
    expect(at(512, 1024)).toEqual([1, 2, 4]);
    expect(at(1024)).toEqual([1, 2]);
    expect(at(2048)).toEqual([1]);
    expect(sizesAt([4], [512, 512], { width: 1024, height: 1024 })).toEqual([1]);
  });
});

describe('the choice of a batch size', () => {
  it('takes all that waits where larger batches pay', () => {
    expect(chooseBatchSize(8, [1, 2, 4, 8], asItIs, gpuMs)).toBe(8);
  });

  it('takes the smallest batch where larger ones make nothing faster', () => {
    expect(chooseBatchSize(8, [1, 2, 4, 8], asItIs, cpuMs)).toBe(1);
  });

  it('takes what is there where nothing is padded', () => {
    expect(chooseBatchSize(3, [1, 2, 4, 8], asItIs, gpuMs)).toBe(3);
  });

  it('would rather run a full smaller batch than a mostly empty large one', () => {
    const steep = (size: number): number => (size === 8 ? 80 : size * 5);
    expect(chooseBatchSize(5, [4, 8], padded, steep)).toBe(4);
  });

  it('never waits for more: one sample runs although only eight is preferred', () => {
    expect(chooseBatchSize(1, [8], padded, gpuMs)).toBe(1);
  });
});

describe('padding', () => {
  it('goes up to the next size there is', () => {
    expect([1, 3, 4, 5, 9].map(padded)).toEqual([1, 4, 4, 8, 9]);
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
