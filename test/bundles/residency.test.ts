import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Bundle } from '../../src/bundles/bundle.js';
import { EngineDiedError } from '../../src/engine/engine-process.js';
import { bundle, device, duck } from '../scheduling/fake-devices.js';

it('answers a second unload when the memory is free, not before', async () => {
  const { engine, residency } = device();
  await residency.ensure(duck);
  let free: () => void = () => undefined;
  const unload = vi.spyOn(engine, 'unload').mockImplementation(
    () =>
      new Promise((resolve) => {
        free = resolve;
      }),
  );
  const ended: string[] = [];
  const both = ['first', 'second'].map((name) => residency.unload('duck').then(() => ended.push(name)));
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(ended).toEqual([]);
  free();
  await Promise.all(both);
  expect(unload).toHaveBeenCalledTimes(1);
});

describe('a text encoder that bundles share', () => {
  const sharing = (id: string, sha256: string): Bundle => ({
    ...bundle(id, 1_500),
    graphs: [
      { path: `${id}/translator`, sha256: '', bytes: 1_000 },
      { path: 'shared/text_encoder', sha256, bytes: 500 },
    ],
  });
  const [goose, swan] = [sharing('goose', 'one'), sharing('swan', 'one')];

  it('counts once against the budget', async () => {
    const { residency } = device({ memoryBudgetBytes: 2_500 });
    await residency.ensure(goose);
    expect(residency.room.fits(swan)).toBe(true);
    expect(residency.room.when(swan, () => 'as urgent', performance.now())).toEqual({ inMs: 0 });
    await residency.ensure(swan);
    expect(residency.isLoaded('goose')).toBe(true);
    // Each by itself takes what it takes.
    expect(residency.describe('swan').bytes).toBe(1_500);
    expect(residency.room.fits(duck)).toBe(false);
    await residency.ensure(duck);
    expect([residency.isLoaded('goose'), residency.isLoaded('swan')]).toEqual([false, true]);
  });

  it('counts twice where it was replaced, and one bundle still has the old one', async () => {
    const { residency } = device({ memoryBudgetBytes: 2_500 });
    await residency.ensure(goose);
    const next = sharing('swan', 'two');
    expect(residency.room.fits(next)).toBe(false);
    await residency.ensure(next);
    expect(residency.isLoaded('goose')).toBe(false);
  });

  it('frees nothing with one bundle alone', async () => {
    const { residency } = device({ memoryBudgetBytes: 2_500 });
    await residency.ensure(goose);
    await residency.ensure(swan);
    // Both have to leave for it.
    await residency.ensure(bundle('elephant', 1_100));
    expect(residency.loadedCount()).toBe(1);
  });
});

describe('a bundle whose load kills the engine', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is left alone for longer each time, until it is told to be forgotten', async () => {
    const { engine, residency } = device();
    const load = vi.spyOn(engine, 'load').mockRejectedValue(new EngineDiedError('segmentation fault'));
    const ask = () => residency.ensure(duck).catch((error: Error) => error.message);
    for (let second = 0; second < 100; second++) {
      expect(await ask()).toMatch('segmentation fault');
      await vi.advanceTimersByTimeAsync(1000);
    }
    // At 0, 5, 15, 35 and 75 seconds, each in two engines: the first may have died by another's fault.
    expect(load).toHaveBeenCalledTimes(10);
    await residency.unload('duck');
    load.mockRestore();
    const loaded = residency.ensure(duck);
    await vi.advanceTimersByTimeAsync(100);
    await loaded;
    expect(residency.isLoaded('duck')).toBe(true);
  });
});
