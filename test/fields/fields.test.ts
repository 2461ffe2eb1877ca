/** The words of forms and queries become what their fields take, or stay words for the schema to refuse. */
import { describe, expect, it } from 'vitest';
import { coerceWords, fieldTable } from '../../src/fields/fields.js';
import { translateRequestObject } from '../../src/request.js';

const table = fieldTable(translateRequestObject);
const gamma = (word: string) => coerceWords({ gamma: word }, table).gamma;

describe('a number as a word', () => {
  it.each([
    ['7', 7],
    ['-7', -7],
    ['+0.5', 0.5],
    ['1.', 1],
    ['.5', 0.5],
    ['1e-2', 0.01],
    ['2.5E+1', 25],
    [' 1 ', 1],
  ])('is read from %j', (word, value) => {
    expect(gamma(word)).toBe(value);
  });

  it.each(['1.2.3', '.', 'e5', '0x10', '1e999', 'Infinity', '1 2'])('is not made of %j', (word) => {
    expect(gamma(word)).toBe(word);
  });

  it('takes no time to be told from one that is none, however long', () => {
    const word = `${'1'.repeat(2 ** 16)}x`;
    const start = performance.now();
    expect(gamma(word)).toBe(word);
    expect(performance.now() - start).toBeLessThan(100);
  });
});
