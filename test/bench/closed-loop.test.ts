import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Client, runClosedLoop } from '../../scripts/bench/load/closed-loop.js';

function client(milliseconds: number): Client {
  return {
    ask: async () => {
      await sleep(milliseconds);
      return { latency: milliseconds, timings: {} };
    },
    close: () => undefined,
  };
}

const watchNothing = async () => async () => undefined;

it('keeps a window open for a slow server until it has three answers', async () => {
  const { answers, seconds } = await runClosedLoop([client(200)], 0.01, watchNothing);
  expect(answers.length).toBe(3);
  expect(seconds).toBeGreaterThan(0.39);
}, 30_000);

it('measures quick ones for as long as asked, after they are warm', async () => {
  const { answers, seconds } = await runClosedLoop([client(2), client(2)], 0.3, watchNothing);
  expect(seconds).toBeCloseTo(0.3, 1);
  expect(answers.length).toBeGreaterThan(50);
});

it('throws what a client throws', async () => {
  const broken: Client = { ask: () => Promise.reject(new Error('gone')), close: () => undefined };
  await expect(runClosedLoop([broken], 1, watchNothing)).rejects.toThrow('gone');
});
