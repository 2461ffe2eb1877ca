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

describe('undo', () => {
  const undoAll = (drawing: Drawing) => {
    let steps = 0;
    for (; drawing.canUndo; steps++) drawing.undo();
    return steps;
  };
  const line = (x: number): Operation => ({
    kind: 'stroke',
    tool: 'pen',
    width: 6,
    pressure: false,
    points: [[x, 0, 0.5]],
  });
  const picture = (): Operation => ({ kind: 'picture', bitmap: {} as ImageBitmap, fit: 'cover' });
  const bitmapsIn = (operations: readonly Operation[]): ImageBitmap[] =>
    operations.flatMap((operation) => {
      if (operation.kind === 'replace') return bitmapsIn(operation.operations);
      return operation.kind === 'picture' ? operation.bitmap : [];
    });

  it('goes back a hundred steps, and what is before them stays to be seen', () => {
    const drawing = new Drawing();
    const lines = Array.from({ length: 150 }, (_, x) => line(x));
    for (const each of lines) drawing.add(each);
    expect(flatten(drawing.operations)).toEqual(lines);
    expect(undoAll(drawing)).toBe(100);
    expect(flatten(drawing.operations)).toEqual(lines.slice(0, 50));
    while (drawing.canRedo) drawing.redo();
    expect(flatten(drawing.operations)).toEqual(lines);
  });

  it('goes back to the last four pictures, and the others are let go', () => {
    const drawing = new Drawing();
    const pictures = Array.from({ length: 6 }, picture);
    for (const each of pictures) drawing.add({ kind: 'replace', operations: [each] });
    drawing.clear();
    const bitmaps = bitmapsIn(drawing.operations);
    expect(bitmaps).toHaveLength(4);
    expect(drawing.empty).toBe(true);
    expect(undoAll(drawing)).toBe(4);
    expect(flatten(drawing.operations)).toEqual([pictures[2]]);
  });

  it('goes no further back in a drawing that was kept over a reload', () => {
    const drawing = new Drawing();
    for (let x = 0; x < 150; x++) drawing.add(line(x));
    for (let step = 0; step < 60; step++) drawing.undo();
    const reloaded = new Drawing();
    reloaded.restore(JSON.parse(JSON.stringify(drawing.operations)));
    expect(undoAll(reloaded)).toBe(40);
    expect(flatten(reloaded.operations)).toHaveLength(50);
  });

  it('brings back a sheet that it could not reach any more', () => {
    const drawing = new Drawing();
    drawing.add(line(0));
    const first = drawing.operations;
    for (let x = 1; x < 150; x++) drawing.add(line(x));
    drawing.bringBack(first);
    expect(flatten(drawing.operations)).toEqual([line(0)]);
    drawing.undo();
    expect(flatten(drawing.operations)).toHaveLength(150);
  });
});
