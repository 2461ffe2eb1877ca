import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../src/prompts/tokenizer.js';

const folder = new URL('../fixtures/tokenizer/', import.meta.url);
const json = readFileSync(new URL('tokenizer.json', folder), 'utf8');

interface Fixture {
  made_with: { max_length: number; pad_id: number };
  cases: { prompt: string; ids: number[]; truncated: boolean }[];
}
const { made_with, cases } = JSON.parse(readFileSync(new URL('cases.json', folder), 'utf8')) as Fixture;
const options = { maxLength: made_with.max_length, padId: made_with.pad_id };

describe('the tokenizer', () => {
  it("gives the ids that transformers' CLIPTokenizer gives, on 200 prompts", () => {
    const tokenizer = createTokenizer(json, options);
    expect(cases).toHaveLength(200);
    const wrong = cases.filter(({ prompt, ids, truncated }) => {
      const tokens = tokenizer.encode(prompt);
      return tokens.truncated !== truncated || [...tokens.ids].map(Number).join() !== ids.join();
    });
    expect(wrong.map(({ prompt }) => prompt)).toEqual([]);
  });

  it('keeps the end token last when it cuts a prompt', () => {
    const tokenizer = createTokenizer(json, { maxLength: 8, padId: 0 });
    const end = createTokenizer(json, options).encode('').ids[1];
    const { ids, truncated } = tokenizer.encode('a cat a cat a cat a cat a cat');
    expect(truncated).toBe(true);
    expect(ids).toHaveLength(8);
    expect(ids[7]).toBe(end);
  });

  it('fills up with the pad id', () => {
    const tokenizer = createTokenizer(json, { maxLength: 16, padId: 7 });
    const { ids, truncated } = tokenizer.encode('a cat');
    expect(truncated).toBe(false);
    expect([...ids.subarray(-3)]).toEqual([7n, 7n, 7n]);
  });
});
