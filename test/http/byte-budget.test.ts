import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../../src/http/byte-budget.js';

const full = expect.objectContaining({ code: 'queue_full', message: 'No room.', retryAfterSeconds: 1 });

describe('a budget of bytes', () => {
  it('refuses what would go over it, until something is given back', () => {
    const budget = new ByteBudget(100, 'No room.');
    const [one, other] = [budget.open(), budget.open()];
    one.add(50);
    one.add(30);
    expect(() => other.add(30)).toThrow(full);
    one.giveBack();
    one.giveBack();
    other.add(90);
    expect(() => budget.open().add(20)).toThrow(full);
  });

  it('counts only what has come, and tells beforehand what would not fit beside it', () => {
    const budget = new ByteBudget(100, 'No room.');
    budget.open().expect(100);
    const [one, other] = [budget.open(), budget.open()];
    one.add(60);
    expect(() => other.expect(50)).toThrow(full);
    other.expect(40);
    other.add(40);
  });

  it('always has room for a single one', () => {
    const share = new ByteBudget(10, 'No room.').open();
    share.add(8);
    expect(() => share.add(12)).not.toThrow();
  });

  it('wakes those who wait for room in the order they came, however little the next one asks for', async () => {
    const budget = new ByteBudget(100, 'No room.');
    const { signal } = new AbortController();
    const [first, second] = [budget.open(), budget.open()];
    first.add(60);
    second.add(40);
    const got: string[] = [];
    const wait = async (name: string, bytes: number) => {
      const share = budget.open();
      await share.addWhenRoom(bytes, signal);
      got.push(name);
      return share;
    };
    const large = wait('large', 90);
    const small = wait('small', 10);
    const smallest = wait('smallest', 1);
    second.giveBack();
    await new Promise(setImmediate);
    expect(got).toEqual([]);
    first.giveBack();
    (await Promise.all([large, small]))[0].giveBack();
    await smallest;
    expect(got).toEqual(['large', 'small', 'smallest']);
  });

  it('refuses one that waits when it is given up, and goes on to those behind', async () => {
    const budget = new ByteBudget(100, 'No room.');
    budget.open().add(60);
    const impatient = new AbortController();
    const large = budget.open().addWhenRoom(90, impatient.signal);
    const small = budget.open().addWhenRoom(40, new AbortController().signal);
    impatient.abort();
    await expect(large).rejects.toEqual(full);
    await small;
    await expect(budget.open().addWhenRoom(1, AbortSignal.abort())).rejects.toEqual(full);
    // One that was given up holds nothing.
    expect(() => budget.open().add(1)).toThrow(full);
  });

  it('hands over at once where there is room', async () => {
    const budget = new ByteBudget(100, 'No room.');
    await budget.open().addWhenRoom(1000, new AbortController().signal);
    expect(() => budget.open().add(1)).toThrow(full);
  });
});
