import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bundle, device, duck, house, outcome, request, warm } from './fake-devices.js';
import type { FakeEngineOptions } from './fake-engine.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'queueMicrotask'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a device with instances', () => {
  /** A device that has multiplied its bundle: two that waited behind a third made it. */
  async function multiplied(options: FakeEngineOptions = {}) {
    const d = device({ maxInstances: 2, ...options });
    await warm(d);
    const scheduler = house(d);
    for (let seed = 100; seed <= 100 + d.engine.maxInstances; seed++) {
      void outcome(scheduler.run(request({ seed })));
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect(d.engine.instances('duck')).toBe(d.engine.maxInstances);
    d.engine.batches.length = 0;
    d.engine.ranOn.length = 0;
    d.events.busyMs = 0;
    return { ...d, house: scheduler };
  }

  it('asks for them only when pictures wait for each other', async () => {
    const d = device({ maxInstances: 2 });
    await warm(d);
    const scheduler = house(d);
    for (const seed of [1, 2, 3]) {
      void outcome(scheduler.run(request({ seed })));
      await vi.advanceTimersByTimeAsync(150);
    }
    expect(d.engine.multiplications).toBe(0);
    expect(d.engine.ranOn).toEqual([0, 0, 0]);
  });

  it('asks for none where a queue delay is set, whose owner wants batches', async () => {
    const d = device({ maxInstances: 2, maxQueueDelayMs: 5 });
    await warm(d);
    const scheduler = house(d);
    for (let seed = 1; seed <= 12; seed++) void outcome(scheduler.run(request({ seed })));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(d.engine.multiplications).toBe(0);
  });

  it('gives the whole of itself to a picture that is alone', async () => {
    const d = await multiplied();
    const result = d.house.run(request({ seed: 1 }));
    await vi.advanceTimersByTimeAsync(101);
    expect((await result).inferenceMs).toBe(100);
    expect(d.engine.ranOn).toEqual([0]);
  });

  it('runs what waits side by side, one by one, and counts each by its share', async () => {
    const d = await multiplied();
    void outcome(d.house.run(request({ seed: 1 })));
    const waiting = [2, 3, 4, 5].map((seed) => d.house.run(request({ seed })));
    await vi.advanceTimersByTimeAsync(550);
    for (const result of waiting) expect((await result).batchSize).toBe(1);
    expect(d.engine.batches).toEqual([[1], [2], [3], [4], [5]]);
    expect(d.engine.ranOn).toEqual([0, 1, 2, 1, 2]);
    expect(d.engine.mostAtOnce).toBe(2);
    // 100 ms alone, four of 200 ms on a half each.
    expect(d.events.busyMs).toBe(500);
  });

  it('does not use shares that would not all be filled', async () => {
    const d = await multiplied({ maxInstances: 4 });
    for (const seed of [1, 2, 3]) void outcome(d.house.run(request({ seed })));
    await vi.advanceTimersByTimeAsync(500);
    expect(d.engine.batches).toEqual([[1], [2, 3]]);
    expect(d.engine.ranOn).toEqual([0, 0]);
  });

  it('goes back to the whole of itself when fewer wait', async () => {
    const d = await multiplied({ maxInstances: 4 });
    d.engine.slowSeed = 5;
    for (const seed of [1, 2, 3, 4, 5]) void outcome(d.house.run(request({ seed })));
    // 2, 3 and 4 run until 300 ms, 5 until 500 ms; 6 would leave two shares idle, and waits for 5.
    await vi.advanceTimersByTimeAsync(350);
    void outcome(d.house.run(request({ seed: 6 })));
    await vi.advanceTimersByTimeAsync(145);
    expect(d.engine.ranOn).toEqual([0, 1, 2, 3, 4]);
    await vi.advanceTimersByTimeAsync(10);
    expect(d.engine.ranOn).toEqual([0, 1, 2, 3, 4, 0]);
  });

  it('runs the variations of one picture on the whole of itself, with nothing beside them', async () => {
    const d = await multiplied();
    for (const seed of [1, 2, 3]) void outcome(d.house.run(request({ seed })));
    await vi.advanceTimersByTimeAsync(150);
    void outcome(d.house.run(request({ seed: 10, count: 4 })));
    void outcome(d.house.run(request({ seed: 20 })));
    await vi.advanceTimersByTimeAsync(145);
    expect(d.engine.batches).toEqual([[1], [2], [3]]);
    await vi.advanceTimersByTimeAsync(20);
    expect(d.engine.batches.at(-1)).toEqual([10, 11, 12, 13, 20]);
    expect(d.engine.ranOn).toEqual([0, 1, 2, 0]);
  });

  it('prefers an instance with nothing to do to one that is late', async () => {
    const d = await multiplied();
    for (const seed of [1, 2, 3]) void outcome(d.house.run(request({ seed })));
    // Instance 1 takes twice as long as it ever did; 2 is done at 300 ms.
    d.engine.slowSeed = 2;
    await vi.advanceTimersByTimeAsync(350);
    void outcome(d.house.run(request({ seed: 4 })));
    await vi.advanceTimersByTimeAsync(10);
    expect(d.engine.ranOn.at(-1)).toBe(2);
    expect(d.engine.started).toContainEqual([4]);
  });

  it('counts a run on a share by its own end when asked how long until it is idle', async () => {
    const d = await multiplied();
    for (const seed of [1, 2, 3]) void outcome(d.house.run(request({ seed })));
    await vi.advanceTimersByTimeAsync(150);
    // Two began at 100 ms, for 200 ms side by side.
    expect(d.house.backlogMs()).toBeCloseTo(150, 0);
  });

  it('tries a picture that failed beside others once more, alone on the whole of itself', async () => {
    const d = await multiplied();
    void outcome(d.house.run(request({ seed: 1 })));
    d.engine.failingSeed = 2;
    const results = [2, 3].map((seed) => outcome(d.house.run(request({ seed }))));
    await vi.advanceTimersByTimeAsync(150);
    d.engine.failingSeed = undefined;
    await vi.advanceTimersByTimeAsync(1_000);
    // It failed at the end of its run, when nothing failed any more.
    for (const result of results) expect(await result).toHaveProperty('images');
    d.engine.failingSeed = 5;
    const failing = [4, 5, 6].map((seed) => outcome(d.house.run(request({ seed }))));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await failing[1]).toBe('inference_failed');
    expect(d.engine.started.filter((seeds) => seeds.includes(5))).toHaveLength(2);
    expect(d.engine.ranOn.at(-1)).toBe(0);
  });

  it('tries those alone that ran when their engine died', async () => {
    const d = await multiplied();
    d.engine.killerSeed = 3;
    const results = [1, 2, 3, 4].map((seed) => outcome(d.house.run(request({ seed }))));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await results[2]).toBe('inference_failed');
    for (const i of [0, 1, 3]) expect(await results[i]).toHaveProperty('images');
    // Twice at most: beside another, and alone.
    expect(d.engine.started.filter((seeds) => seeds.includes(3))).toHaveLength(2);
  });

  it('serves without them where they cannot be had, and asks once', async () => {
    const d = device({ maxInstances: 2 });
    d.engine.failingMultiply = 'no memory';
    await warm(d);
    const bytes = d.residency.describe('duck').bytes;
    const scheduler = house(d);
    const results = [1, 2, 3, 4, 5].map((seed) => outcome(scheduler.run(request({ seed }))));
    await vi.advanceTimersByTimeAsync(1_000);
    for (const result of results) expect(await result).toHaveProperty('images');
    expect(d.engine.multiplications).toBe(1);
    expect(d.events.notMultiplied).toEqual(['no memory']);
    expect(d.residency.describe('duck').bytes).toBe(bytes);
  });

  it('does not ask again where the engine died of them', async () => {
    const d = device({ maxInstances: 2, loadMs: 50 });
    const loading = d.residency.ensure(duck);
    await vi.advanceTimersByTimeAsync(60);
    await loading;
    const scheduler = house(d);
    const results = [1, 2, 3, 4, 5].map((seed) => outcome(scheduler.run(request({ seed }))));
    await vi.advanceTimersByTimeAsync(20);
    expect(d.engine.multiplications).toBe(1);
    d.engine.die('out of memory');
    await vi.advanceTimersByTimeAsync(5_000);
    for (const result of results) expect(await result).toHaveProperty('images');
    expect(d.engine.multiplications).toBe(1);
  });

  it('counts their copies against the memory budget, and has none where they do not fit', async () => {
    const roomy = await multiplied();
    expect(roomy.residency.describe('duck').bytes).toBe(3_000);
    await Promise.all([roomy.residency.unload('duck'), vi.advanceTimersByTimeAsync(10)]);
    expect(roomy.engine.instances('duck')).toBe(0);
    const tight = device({ maxInstances: 2, memoryBudgetBytes: 2_500 });
    await warm(tight);
    const scheduler = house(tight);
    for (const seed of [1, 2, 3]) void outcome(scheduler.run(request({ seed })));
    await vi.advanceTimersByTimeAsync(500);
    expect(tight.engine.multiplications).toBe(0);
  });

  it('gives them back a minute after the last of them ran, and has them again for the next crowd', async () => {
    const d = await multiplied();
    const crowd = () => [1, 2, 3, 4, 5].map((seed) => outcome(d.house.run(request({ seed }))));
    await vi.advanceTimersByTimeAsync(50_000);
    crowd();
    await vi.advanceTimersByTimeAsync(50_000);
    expect(d.engine.instances('duck')).toBe(2);
    // Pictures that come alone do not keep them.
    void outcome(d.house.run(request({ seed: 6 })));
    await vi.advanceTimersByTimeAsync(11_000);
    expect(d.engine.instances('duck')).toBe(0);
    expect(d.events.givenBack).toBe(1);
    expect(d.residency.describe('duck').bytes).toBe(1_000);
    crowd();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(d.engine.instances('duck')).toBe(2);
    expect(d.engine.multiplications).toBe(2);
  });

  it('gives them back, rather than a bundle, to make room for another one', async () => {
    const d = await multiplied({ memoryBudgetBytes: 3_500 });
    const loading = d.residency.ensure(bundle('swan'));
    await vi.advanceTimersByTimeAsync(20);
    await loading;
    expect(d.engine.unloads).toEqual([]);
    expect(d.engine.instances('duck')).toBe(0);
    expect(d.residency.isLoaded('duck')).toBe(true);
    // Three more bundles leave no room for the first.
    for (const id of ['goose', 'heron']) {
      const next = d.residency.ensure(bundle(id));
      await vi.advanceTimersByTimeAsync(20);
      await next;
    }
    expect(d.engine.unloads).toEqual(['duck']);
  });

  it('does not take the room that was made for a bundle on its way', async () => {
    const d = await multiplied({ memoryBudgetBytes: 3_500 });
    const loading = d.residency.ensure(bundle('swan'));
    await vi.advanceTimersByTimeAsync(2);
    expect(d.engine.instances('duck')).toBe(0);
    for (const seed of [1, 2, 3, 4, 5]) void outcome(d.house.run(request({ seed })));
    await vi.advanceTimersByTimeAsync(1_000);
    await loading;
    expect(d.engine.instances('duck')).toBe(0);
    expect(d.engine.multiplications).toBe(1);
  });

  it('has them again after its engine died', async () => {
    const d = await multiplied();
    d.engine.die('kill -9');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(d.residency.describe('duck').bytes).toBe(1_000);
    for (const seed of [1, 2, 3]) void outcome(d.house.run(request({ seed })));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(d.engine.instances('duck')).toBe(2);
  });
});
