import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EngineDiedError } from '../../src/engine/engine-process.js';
import { device, duck } from '../scheduling/fake-devices.js';

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
