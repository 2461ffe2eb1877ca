import { expect, it, vi } from 'vitest';
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
