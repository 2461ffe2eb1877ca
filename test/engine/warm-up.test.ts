import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type WarmUp, warmUp } from '../../src/engine/warm-up.js';

/** A bundle that takes `perSample` milliseconds a sample, ten times that where a size is new; counts its runs. */
function bundle(perSample: number, options: Partial<WarmUp> = {}) {
  const runs: string[] = [];
  const made: WarmUp = {
    directions: ['there'],
    batchSizes: [1, 2, 4, 8],
    everySize: false,
    run: async (direction, batchSize) => {
      const cold = !runs.includes(`${direction} ${batchSize}`);
      runs.push(`${direction} ${batchSize}`);
      vi.advanceTimersByTime(perSample * batchSize * (cold && perSample < 100 ? 10 : 1));
    },
    isFatal: () => false,
    ...options,
  };
  return { runs, made };
}

describe('warm-up', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('runs a model that takes a minute an image once, and takes that for its speed', async () => {
    const { runs, made } = bundle(60_000, { directions: ['there', 'back'] });
    expect(await warmUp(made)).toEqual({ runMs: [{ batchSize: 1, milliseconds: 60_000 }] });
    expect(runs).toEqual(['there 1']);
  });

  it('times a quick model after its first run of every direction', async () => {
    const { runs, made } = bundle(2, { directions: ['there', 'back'], batchSizes: [1, 8] });
    expect(await warmUp(made)).toEqual({
      runMs: [
        { batchSize: 1, milliseconds: 2 },
        { batchSize: 8, milliseconds: 16 },
      ],
    });
    expect(runs).toEqual(['there 1', 'back 1', 'there 1', 'there 1', 'there 8', 'back 8', 'there 8']);
  });

  it('leaves out sizes that would take longer than the rest of the budget', async () => {
    const { made } = bundle(60);
    const { runMs } = await warmUp(made);
    expect(runMs.map(({ batchSize }) => batchSize)).toEqual([1]);
  });

  it('shows a GPU every size and direction, however long it takes to choose its kernels', async () => {
    const { runs, made } = bundle(500, {
      directions: ['there', 'back'],
      everySize: true,
      batchSizes: [1, 4],
    });
    expect((await warmUp(made)).runMs.map(({ batchSize }) => batchSize)).toEqual([1, 4]);
    expect(new Set(runs)).toEqual(new Set(['there 1', 'back 1', 'there 4', 'back 4']));
  });

  it('has nothing to do where no size is asked for', async () => {
    expect(await warmUp(bundle(2, { batchSizes: [] }).made)).toEqual({ runMs: [] });
  });

  describe('where a size fails', () => {
    const reason = 'Failed to allocate memory for requested buffer of size 4294967296';
    /** A bundle that fails at a size, of a model that takes 2 ms a sample. */
    const failing = (at: number, options: Partial<WarmUp>) =>
      bundle(2, {
        run: async (_direction, batchSize) => {
          if (batchSize >= at) throw new Error(reason);
        },
        ...options,
      }).made;

    it('a GPU serves with those below it, and tries none above', async () => {
      const { runMs, failed } = await warmUp(failing(4, { everySize: true }));
      expect(runMs.map(({ batchSize }) => batchSize)).toEqual([1, 2]);
      expect(failed).toEqual({ batchSize: 4, reason });
    });

    it('it does not where that is the smallest, nor where its engine does not survive it', async () => {
      await expect(warmUp(failing(1, { everySize: true }))).rejects.toThrow(reason);
      await expect(warmUp(failing(4, { everySize: true, isFatal: () => true }))).rejects.toThrow(reason);
    });

    it('a CPU, which has room for all, does not serve what fails', async () => {
      await expect(warmUp(failing(8, {}))).rejects.toThrow(reason);
    });
  });
});
