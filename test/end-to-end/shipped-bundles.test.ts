/** The bundles in models/, at the size they are used at. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ask, bytes, translate } from './pictures.js';
import { type ServerProcess, startServer } from './server-process.js';

const MODELS = fileURLToPath(new URL('../../models', import.meta.url));
const SAMPLES = new URL('../../docs/samples/', import.meta.url);
const STREETS = new URL('../../src/web/samples/', import.meta.url);

let server: ServerProcess;
beforeAll(async () => {
  server = await startServer({ MODELS_DIR: MODELS });
});
afterAll(() => server.stop());

describe('a picture of a shipped bundle', () => {
  // Operators that treat a batch of one in another way were the ones that a small fixture had not shown.
  it.each<[string, URL, Ask]>([
    ['emoji-sketch', new URL('duck.png', SAMPLES), { prompt: 'a duck', gamma: 0.5 }],
    ['emoji-sketch', new URL('house.png', SAMPLES), { prompt: 'a red house', gamma: 1 }],
    ['day-night', new URL('street-day.jpg', STREETS), {}],
  ])('of %s is the same to the byte alone and among four', async (model, file, ask) => {
    const image = await readFile(file);
    const response = await translate(server.url, image, { ...ask, model, seed: 7, n: 4 });
    const together = (await response.json()) as { batch_size: number; images: { data: string }[] };
    expect(together.batch_size).toBe(4);
    for (const index of [0, 3]) {
      const alone = await translate(server.url, image, { ...ask, model, seed: 7 + index });
      expect(alone.headers.get('x-batch-size')).toBe('1');
      expect((await bytes(alone)).toString('base64') === together.images[index]?.data).toBe(true);
    }
  });
});
