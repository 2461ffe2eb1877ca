import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bytes, sketch, translate } from './pictures.js';
import { type ServerProcess, startServer } from './server-process.js';

const PROMPTS = ['duck', 'a red house', '', 'two trees in the rain', 'cat', 'DUCK', 'a boat', 'the moon'];

let server: ServerProcess;
beforeAll(async () => {
  // Eight that arrive together wait for each other, so that they share a batch.
  server = await startServer({ PREFERRED_BATCH_SIZES: '1,8', MAX_QUEUE_DELAY_MS: '500' });
});
afterAll(() => server.stop());

describe('a request', () => {
  it.each(['tiny-sketch', 'tiny-sketch-staged'])(
    'to %s gives the same bytes alone and inside a batch of eight different ones',
    async (model) => {
      const asks = PROMPTS.map((prompt, i) => ({ model, prompt, seed: i * 77 - 200, gamma: i / 7 }));
      const sketches = await Promise.all(asks.map((_, i) => sketch(i)));
      const ask = (i: number) => translate(server.url, sketches[i] ?? Buffer.alloc(0), asks[i]);

      await ask(0);
      // A machine that others use may take longer over eight pictures than they wait for each other: then once more.
      const together = await vi.waitFor(
        async () => {
          const answers = await Promise.all(asks.map((_, i) => ask(i)));
          expect(answers.map(({ status }) => status)).toEqual(asks.map(() => 200));
          expect(answers.map(({ headers }) => headers.get('x-batch-size'))).toEqual(asks.map(() => '8'));
          return answers;
        },
        { timeout: 8_000 },
      );
      const inBatch = await Promise.all(together.map(bytes));
      expect(new Set(inBatch.map((image) => image.toString('base64'))).size).toBe(8);

      for (const [i, image] of inBatch.entries()) {
        const alone = await ask(i);
        expect(alone.headers.get('x-batch-size')).toBe('1');
        expect(Buffer.compare(await bytes(alone), image)).toBe(0);
      }
    },
  );

  it('with n variations runs as one batch and counts the seeds up', async () => {
    const response = await translate(server.url, await sketch(1), { prompt: 'duck', seed: 40, n: 4 });
    const answer = (await response.json()) as {
      batch_size: number;
      images: { seed: number; data: string }[];
    };
    expect(answer.batch_size).toBe(4);
    expect(answer.images.map(({ seed }) => seed)).toEqual([40, 41, 42, 43]);
    expect(new Set(answer.images.map(({ data }) => data)).size).toBe(4);
    const third = await translate(server.url, await sketch(1), { prompt: 'duck', seed: 42 });
    expect((await bytes(third)).toString('base64')).toBe(answer.images[2]?.data);
  });

  it('with another prompt, seed or gamma gives another picture', async () => {
    const image = await sketch(3);
    const base = { prompt: 'duck', seed: 1, gamma: 0.4 };
    const asks = [base, { ...base, prompt: 'house' }, { ...base, seed: 2 }, { ...base, gamma: 0.9 }];
    const pictures = await Promise.all(
      asks.map(async (ask) => bytes(await translate(server.url, image, ask))),
    );
    expect(new Set(pictures.map((picture) => picture.toString('base64'))).size).toBe(asks.length);
  });
});
