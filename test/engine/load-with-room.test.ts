import { expect, it, vi } from 'vitest';
import { loadWithRoom } from '../../src/engine/load-with-room.js';
import type { BundleSpec, LoadOutput } from '../../src/engine/protocol.js';

const SPEC = { id: 'duck', batchSizes: [1, 2, 4, 8] } as unknown as BundleSpec;

/** Loads of a second and warm-ups of two, where each time the next of these sizes has no room. */
function loading(...tooLarge: number[]) {
  const left = [...tooLarge];
  return vi.fn(async ({ batchSizes }: BundleSpec): Promise<LoadOutput> => {
    const limit = left.shift();
    const runMs = batchSizes
      .filter((size) => limit === undefined || size < limit)
      .map((batchSize) => ({ batchSize, milliseconds: 100 }));
    const times = { loadMs: 1_000, warmUpMs: 2_000, runMs };
    return limit === undefined ? times : { ...times, failed: { batchSize: limit, reason: 'no room' } };
  });
}

it.each([
  { tooLarge: [], asked: [[1, 2, 4, 8]] },
  {
    tooLarge: [8],
    asked: [
      [1, 2, 4, 8],
      [1, 2, 4],
    ],
  },
  // What the first load left fails in the second.
  {
    tooLarge: [8, 4],
    asked: [
      [1, 2, 4, 8],
      [1, 2, 4],
      [1, 2],
    ],
  },
])(
  'a bundle is loaded without the sizes $tooLarge, and its times are those of all its loads',
  async ({ tooLarge, asked }) => {
    const load = loading(...tooLarge);
    const { loadMs, warmUpMs, runMs, failed } = await loadWithRoom(SPEC, load);
    expect(load.mock.calls.map(([{ batchSizes }]) => batchSizes)).toEqual(asked);
    expect([loadMs, warmUpMs]).toEqual([1_000 * asked.length, 2_000 * asked.length]);
    expect(runMs.map(({ batchSize }) => batchSize)).toEqual(asked.at(-1));
    expect(failed?.batchSize).toBe(tooLarge.at(-1));
  },
);
