import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../src/prompts/tokenizer.js';

const folder = new URL('../fixtures/tokenizer/', import.meta.url);
const path = fileURLToPath(new URL('tokenizer.json', folder));

interface Fixture {
  made_with: { max_length: number; pad_id: number };
  cases: { prompt: string; ids: number[]; truncated: boolean }[];
}
const { made_with, cases } = JSON.parse(readFileSync(new URL('cases.json', folder), 'utf8')) as Fixture;
const options = { maxLength: made_with.max_length, padId: made_with.pad_id };

describe('the tokenizer', () => {
  it("gives the ids that transformers' CLIPTokenizer gives, on 200 prompts", async () => {
    const tokenizer = await loadTokenizer(path, options);
    expect(cases).toHaveLength(200);
    const wrong = cases.filter(({ prompt, ids, truncated }) => {
      const tokens = tokenizer.encode(prompt);
      return tokens.truncated !== truncated || [...tokens.ids].map(Number).join() !== ids.join();
    });
    expect(wrong.map(({ prompt }) => prompt)).toEqual([]);
  });

  it('keeps the end token last when it cuts a prompt', async () => {
    const tokenizer = await loadTokenizer(path, { maxLength: 8, padId: 0 });
    const end = (await loadTokenizer(path, options)).encode('').ids[1];
    const { ids, truncated } = tokenizer.encode('a cat a cat a cat a cat a cat');
    expect(truncated).toBe(true);
    expect(ids).toHaveLength(8);
    expect(ids[7]).toBe(end);
  });

  it('fills up with the pad id', async () => {
    const tokenizer = await loadTokenizer(path, { maxLength: 16, padId: 7 });
    const { ids, truncated } = tokenizer.encode('a cat');
    expect(truncated).toBe(false);
    expect([...ids.subarray(-3)]).toEqual([7n, 7n, 7n]);
  });
});
