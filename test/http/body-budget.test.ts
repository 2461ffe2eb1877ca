import { describe, expect, it } from 'vitest';
import { BodyBudget } from '../../src/http/translate/body-budget.js';

describe('the budget of bodies', () => {
  it('refuses what would go over it, until something is given back', () => {
    const budget = new BodyBudget(100);
    const giveBack = budget.take(80);
    expect(() => budget.take(30)).toThrow(
      expect.objectContaining({ code: 'queue_full', retryAfterSeconds: 1 }),
    );
    giveBack();
    giveBack();
    budget.take(90);
    expect(() => budget.take(20)).toThrow();
  });

  it('always has room for a single one', () => {
    expect(() => new BodyBudget(10).take(20)).not.toThrow();
  });
});
