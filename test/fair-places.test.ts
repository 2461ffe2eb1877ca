import { describe, expect, it } from 'vitest';
import { FairPlaces } from '../src/fair-places.js';

/** Takes one place after the other until refused; how many it got. */
function fill(places: FairPlaces, client: string): number {
  for (let got = 0; ; got++) {
    if (places.refusal(client, 1) !== undefined) return got;
    places.take(client, 1);
  }
}

describe('places', () => {
  it.each([
    [1, 1],
    [2, 1],
    [4, 3],
    [8, 7],
    [9, 8],
    [128, 113],
    [256, 227],
  ])('of %i a client that is alone gets %i, one by one', (limit, share) => {
    const places = new FairPlaces(limit);
    expect(fill(places, 'greedy')).toBe(share);
    expect(places.refusal('greedy', 1)).toBe(share === limit ? 'all' : 'share');
  });

  it.each([1, 2, 8, 9, 128])(
    'of %i all go to a client that holds none and asks for them at once',
    (limit) => {
      const places = new FairPlaces(limit);
      expect(places.refusal('first', limit)).toBeUndefined();
      places.take('first', limit);
      expect(places.refusal('second', 1)).toBe('all');
    },
  );

  it('are left for newcomers, however many clients take all they get', () => {
    const places = new FairPlaces(128);
    expect(['a', 'b', 'c'].map((client) => fill(places, client))).toEqual([113, 13, 1]);
    expect(places.refusal('newcomer', 1)).toBeUndefined();
  });

  it('come to be shared evenly by two that take all they get as places are given back', () => {
    const places = new FairPlaces(128);
    const held: Record<string, (() => void)[]> = { a: [], b: [] };
    for (let turn = 0; turn < 1000; turn++) {
      for (const [client, taken] of Object.entries(held)) {
        while (places.refusal(client, 1) === undefined) taken.push(places.take(client, 1));
        taken.shift()?.();
      }
    }
    expect(places.heldBy('a')).toBeGreaterThan(55);
    expect(places.heldBy('b')).toBeGreaterThan(55);
  });

  it('are given back once, and forgotten', () => {
    const places = new FairPlaces(9);
    const giveBack = places.take('one', 8);
    expect(places.refusal('one', 1)).toBe('share');
    giveBack();
    giveBack();
    expect([places.taken, places.heldBy('one')]).toEqual([0, 0]);
    expect(places.refusal('one', 9)).toBeUndefined();
  });

  it('too few for what is asked are no matter of shares', () => {
    const places = new FairPlaces(8);
    places.take('one', 7);
    expect(places.refusal('one', 2)).toBe('all');
    expect(places.refusal('other', 2)).toBe('all');
    expect(places.refusal('one', 1)).toBe('share');
  });
});
