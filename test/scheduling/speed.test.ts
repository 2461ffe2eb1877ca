import { describe, expect, it } from 'vitest';
import { Speed } from '../../src/scheduling/speed.js';

const shape = (side: number, direction = 'there') => ({
  bundle: { id: 'duck' },
  direction,
  width: side,
  height: side,
});

describe('the speed of a device', () => {
  it('follows what it measures, an outlier only in part', () => {
    const speed = new Speed();
    speed.record(shape(64), 1, 100);
    speed.record(shape(64), 1, 200);
    expect(speed.batchMs(shape(64), 1)).toBe(130);
  });

  it('guesses a batch size it never ran from the nearest one', () => {
    const speed = new Speed();
    speed.record(shape(64), 1, 100);
    speed.record(shape(64), 4, 200);
    expect(speed.batchMs(shape(64), 3)).toBe(150);
    expect(speed.sampleMs(shape(64))).toBe(50);
  });

  it('guesses a picture size it never ran from the nearest one, by its pixels', () => {
    const speed = new Speed();
    speed.record(shape(64), 1, 10);
    speed.record(shape(512), 1, 640);
    expect(speed.batchMs(shape(128), 1)).toBe(40);
    expect(speed.batchMs(shape(1024), 2)).toBe(2 * 2560);
    expect(speed.sampleMs(shape(256))).toBe(160);
  });

  it('knows nothing of another direction', () => {
    const speed = new Speed();
    speed.record(shape(64), 1, 1_000);
    expect(speed.batchMs(shape(64, 'back'), 1)).toBe(speed.batchMs(shape(8, 'nowhere'), 1));
  });

  it('wants a batch size tried that it never ran, and none before anything ran', () => {
    const speed = new Speed();
    expect(speed.due(shape(64), [1, 2])).toBeUndefined();
    speed.record(shape(64), 1, 100);
    expect(speed.due(shape(64), [1])).toBeUndefined();
    expect(speed.due(shape(64), [1, 2, 4])).toBe(2);
  });

  it('wants a batch size tried again after many batches of others, and believes that run alone', () => {
    const speed = new Speed();
    speed.record(shape(64), 4, 900);
    for (let i = 0; i < 64; i++) speed.record(shape(64), 1, 100);
    expect(speed.due(shape(64), [1, 4])).toBeUndefined();
    speed.record(shape(64), 1, 100);
    expect(speed.due(shape(64), [1, 4])).toBe(4);
    speed.record(shape(64), 4, 300);
    expect(speed.batchMs(shape(64), 4)).toBe(300);
    expect(speed.due(shape(64), [1, 4])).toBeUndefined();
  });

  it('does not believe a first run in which the device chose its kernels, after each load', () => {
    const speed = new Speed();
    const run = (milliseconds: number) => speed.recordUnlessFirst(shape(64), 2, milliseconds);
    run(9_000);
    expect(speed.due(shape(64), [2])).toBeUndefined();
    run(100);
    expect(speed.batchMs(shape(64), 2)).toBe(100);
    speed.loaded({ id: 'duck' });
    run(9_000);
    expect(speed.batchMs(shape(64), 2)).toBe(100);
    // What warm-up measured was not the first run.
    speed.record(shape(64), 4, 200);
    speed.recordUnlessFirst(shape(64), 4, 300);
    expect(speed.batchMs(shape(64), 4)).toBe(230);
  });
});
