import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytes, sketch, translate } from './pictures.js';
import { type ServerProcess, startServer, until } from './server-process.js';

const CLIENTS = 12;

let server: ServerProcess;
beforeAll(async () => {
  // Three, which the bytes of the embedding cache cannot be divided by.
  server = await startServer({ CPU_THREADS: '3', CPU_INSTANCES: '3' });
});
afterAll(() => server.stop());

describe('a crowd', () => {
  it.each(['tiny-sketch', 'tiny-sketch-staged'])(
    'has its pictures of %s made side by side, with the same bytes as alone',
    async (model) => {
      const image = await sketch(2);
      const ask = (seed: number) => translate(server.url, image, { model, prompt: 'duck', seed, gamma: 0.5 });
      const alone: Buffer[] = [];
      for (let seed = 0; seed < CLIENTS; seed++) alone.push(await bytes(await ask(seed)));
      expect(loaded(model)).toBe(false);

      // The first crowd has the instances loaded, and the second one runs on them.
      await Promise.all(alone.map((_, seed) => ask(seed)));
      await until(() => loaded(model), 10_000);
      const together = await Promise.all(alone.map((_, seed) => ask(seed)));
      const sizes = together.map(({ headers }) => Number(headers.get('x-batch-size')));
      // All but those that ran on the whole device before there were enough to share it.
      expect(sizes.filter((size) => size === 1).length).toBeGreaterThanOrEqual(CLIENTS - 4);
      for (const [seed, answer] of together.entries()) {
        expect(Buffer.compare(await bytes(answer), alone[seed] ?? Buffer.alloc(0))).toBe(0);
      }
    },
  );
});

function loaded(model: string): boolean {
  return server.log.some(({ msg, bundle }) => msg === 'instances loaded' && bundle === model);
}
