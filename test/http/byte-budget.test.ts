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
});
