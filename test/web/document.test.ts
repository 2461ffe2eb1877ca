import { describe, expect, it } from 'vitest';
import { Drawing, flatten, type Operation } from '../../src/web/drawing/document.js';

const stroke = (): Operation => ({ kind: 'paper', tone: 'light' });

describe('a drawing that is brought back', () => {
  it('grows by what it shows, however often it was brought back before', () => {
    const drawing = new Drawing();
    drawing.add(stroke());
    for (let cycle = 0; cycle < 12; cycle++) {
      const good = drawing.operations;
      drawing.add(stroke());
      drawing.bringBack(good);
      drawing.add(stroke());
    }
    expect(flatten(drawing.operations)).toHaveLength(13);
    // Twelve lists of at most thirteen, instead of twice as much with every cycle.
    expect(JSON.stringify(drawing.operations).length).toBeLessThan(12 * 13 * 40 + 2_000);
  });

  it('stays as it is where it is what is shown, and can be undone', () => {
    const drawing = new Drawing();
    drawing.add(stroke());
    const before = drawing.operations;
    drawing.bringBack(before);
    expect(drawing.operations).toBe(before);
    drawing.add(stroke());
    drawing.bringBack(before);
    expect(flatten(drawing.operations)).toHaveLength(1);
    drawing.undo();
    expect(flatten(drawing.operations)).toHaveLength(2);
  });
});
