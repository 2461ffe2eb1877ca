import { describe, expect, it } from 'vitest';
import { borrow, giveBack } from '../src/picture-memory.js';

const LENGTH = 300_000;

describe('the memory of pictures', () => {
  it('is used again once it is given back, and not before', () => {
    const first = borrow(LENGTH);
    expect(borrow(LENGTH).buffer).not.toBe(first.buffer);
    giveBack(first);
    expect(borrow(LENGTH + 1).buffer).not.toBe(first.buffer);
    expect(borrow(LENGTH).buffer).toBe(first.buffer);
    expect(borrow(LENGTH).buffer).not.toBe(first.buffer);
  });

  it('waits for every part of a batch', () => {
    const batch = borrow(3 * LENGTH);
    const parts = [0, 1, 2].map((i) => batch.subarray(i * LENGTH, (i + 1) * LENGTH));
    for (const part of parts.slice(1)) giveBack(part);
    expect(borrow(3 * LENGTH).buffer).not.toBe(batch.buffer);
    giveBack(parts[0] as Uint8Array);
    expect(borrow(3 * LENGTH).buffer).toBe(batch.buffer);
  });

  it('leaves alone what shares its buffer with strangers', () => {
    const small = Buffer.from('a few bytes in the pool of Node');
    const { byteLength } = small.buffer;
    for (let given = 0; given < byteLength; given += small.length) giveBack(small);
    expect(borrow(byteLength).buffer).not.toBe(small.buffer);
  });

  it('keeps no more than 16 MB', () => {
    const large = borrow(2 ** 24 + 1);
    giveBack(large);
    expect(borrow(2 ** 24 + 1).buffer).not.toBe(large.buffer);
    const several = Array.from({ length: 5 }, () => borrow(2 ** 22));
    for (const one of several) giveBack(one);
    const again = Array.from({ length: 5 }, () => borrow(2 ** 22).buffer);
    expect(again.filter((buffer) => several.some((one) => one.buffer === buffer))).toHaveLength(4);
  });
});
