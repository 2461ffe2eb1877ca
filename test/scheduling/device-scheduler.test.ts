import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EngineDiedError, EngineRequestError } from '../../src/engine/engine-process.js';
import { bundle, device, duck, house, outcome, request, SIDE, warm } from './fake-devices.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'queueMicrotask'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a device', () => {
  it('runs what piled up while it was busy as one batch', async () => {
    const d = device();
    await warm(d);
    const scheduler = house(d);
    const results = [1, 2, 3, 4].map((seed) => scheduler.run(request({ seed })));
    await vi.advanceTimersByTimeAsync(250);
    expect((await Promise.all(results)).map(({ batchSize }) => batchSize)).toEqual([1, 3, 3, 3]);
    expect(d.engine.batches).toEqual([[1], [2, 3, 4]]);
  });

  it('does not wait for company when it is idle', async () => {
    const d = device();
    await warm(d);
    const result = house(d).run(request({ seed: 1 }));
    await vi.advanceTimersByTimeAsync(101);
    expect((await result).batchSize).toBe(1);
  });

  it('waits up to the max queue delay where one is set', async () => {
    const d = device({ maxQueueDelayMs: 50 });
    await warm(d);
    const scheduler = house(d);
    const first = scheduler.run(request({ seed: 1 }));
    await vi.advanceTimersByTimeAsync(30);
    const second = scheduler.run(request({ seed: 2 }));
    await vi.advanceTimersByTimeAsync(15);
    expect(d.engine.batches).toEqual([]);
    await vi.advanceTimersByTimeAsync(150);
    expect((await first).batchSize + (await second).batchSize).toBe(4);
  });

  it('hands the next batch over shortly before the running one ends, not earlier', async () => {
    const d = device();
    await warm(d);
    const scheduler = house(d);
    void outcome(scheduler.run(request({ seed: 1 })));
    void outcome(scheduler.run(request({ seed: 2 })));
    await vi.advanceTimersByTimeAsync(80);
    expect(d.engine.batches).toEqual([[1]]);
    void outcome(scheduler.run(request({ seed: 3 })));
    await vi.advanceTimersByTimeAsync(15);
    expect(d.engine.batches).toEqual([[1], [2, 3]]);
    expect(d.engine.started).toEqual([[1]]);
    await vi.advanceTimersByTimeAsync(10);
    expect(d.engine.started).toEqual([[1], [2, 3]]);
  });

  it('keeps the variations of one request in one batch', async () => {
    const d = device();
    await warm(d);
    const scheduler = house(d);
    void outcome(scheduler.run(request({ seed: 1 })));
    void outcome(scheduler.run(request({ seed: 10, count: 6 })));
    void outcome(scheduler.run(request({ seed: 20, count: 4 })));
    await vi.advanceTimersByTimeAsync(500);
    expect(d.engine.batches).toEqual([[1], [10, 11, 12, 13, 14, 15], [20, 21, 22, 23]]);
  });

  it('gives every job its own pictures back', async () => {
    const d = device();
    await warm(d);
    const scheduler = house(d);
    const results = [10, 20, 30].map((seed) => scheduler.run(request({ seed, count: 2 })));
    await vi.advanceTimersByTimeAsync(500);
    const firstBytes = (await Promise.all(results)).map(({ images }) => images.map((image) => image[0]));
    expect(firstBytes).toEqual([
      [10, 11],
      [20, 21],
      [30, 31],
    ]);
  });

  it('pads only where the device must not see other sizes', async () => {
    const padding = device({ padsBatches: true });
    await warm(padding);
    void outcome(house(padding).run(request({ seed: 1, count: 3 })));
    await vi.advanceTimersByTimeAsync(200);
    expect(padding.engine.runSizes).toEqual([4]);
    const free = device();
    await warm(free);
    void outcome(house(free).run(request({ seed: 1, count: 3 })));
    await vi.advanceTimersByTimeAsync(200);
    expect(free.engine.runSizes).toEqual([3]);
  });

  it('forms batches at every picture size, though only one was run at load and first runs are slow', async () => {
    const d = device({ padsBatches: true });
    await warm(d);
    const scheduler = house(d);
    d.engine.firstRunExtraMs = 3_000;
    const height = SIDE / 2;
    void outcome(scheduler.run(request({ seed: 0, height })));
    await vi.advanceTimersByTimeAsync(3_200);
    let made = 0;
    const busy = Array.from({ length: 16 }, async (_, i) => {
      for (let seed = 1; seed <= 10; seed++) {
        await scheduler.run(request({ seed, height, client: `client ${i}` }));
        made++;
      }
    });
    await vi.advanceTimersByTimeAsync(30_000);
    await Promise.all(busy);
    expect(made).toBe(160);
    // 20 would be full, and each size is run twice to learn its speed.
    expect(d.engine.batches.length).toBeLessThan(30);
  });

  it('does not pad a picture so large that the padded batch would take more memory than any other', async () => {
    const d = device({ padsBatches: true, sizes: [4, 8] });
    await warm(d);
    const scheduler = house(d);
    for (const times of [1, 4]) {
      const side = times * SIDE;
      void outcome(scheduler.run(request({ seed: 1, width: side, height: side })));
      await vi.advanceTimersByTimeAsync(3_000);
    }
    expect(d.engine.runSizes).toEqual([4, 1]);
  });

  it('spends no time on a client that left before its turn', async () => {
    const d = device();
    await warm(d);
    const scheduler = house(d);
    const leaving = new AbortController();
    void outcome(scheduler.run(request({ seed: 1 })));
    const left = outcome(scheduler.run(request({ seed: 2, signal: leaving.signal })));
    leaving.abort();
    await vi.advanceTimersByTimeAsync(500);
    expect(await left).toBe('aborted');
    expect(d.engine.batches).toEqual([[1]]);
  });

  it('refuses a job at its deadline and does not run it any more', async () => {
    const d = device();
    await warm(d);
    const scheduler = house(d);
    void outcome(scheduler.run(request({ seed: 1 })));
    const late = outcome(scheduler.run(request({ seed: 2, timeoutMs: 50 })));
    await vi.advanceTimersByTimeAsync(60);
    expect(await late).toBe('deadline_exceeded');
    await vi.advanceTimersByTimeAsync(500);
    expect(d.engine.batches).toEqual([[1]]);
  });

  it('loads a bundle when it is asked for', async () => {
    const d = device();
    const result = house(d).run(request({ seed: 1 }));
    await vi.advanceTimersByTimeAsync(200);
    expect((await result).images).toHaveLength(1);
    expect(d.engine.loads).toEqual(['duck']);
  });
});

describe('an engine that dies', () => {
  it('costs nobody a picture: its batch runs again, one by one', async () => {
    const d = device();
    await warm(d);
    const scheduler = house(d);
    const results = [1, 2, 3].map((seed) => outcome(scheduler.run(request({ seed }))));
    await vi.advanceTimersByTimeAsync(120);
    d.engine.die('kill -9');
    await vi.advanceTimersByTimeAsync(2_000);
    for (const result of results) expect(await result).toHaveProperty('images');
    expect(d.engine.batches.slice(-2)).toEqual([[2], [3]]);
    expect(d.events.restarts).toBe(1);
  });

  it('condemns the request that killed it twice, and no other', async () => {
    const d = device();
    await warm(d);
    const scheduler = house(d);
    d.engine.killerSeed = 3;
    const results = [1, 2, 3, 4].map((seed) => outcome(scheduler.run(request({ seed }))));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await results[2]).toBe('inference_failed');
    for (const i of [0, 1, 3]) expect(await results[i]).toHaveProperty('images');
  });

  it('does not suspect a batch that only waited in it', async () => {
    const d = device();
    await warm(d);
    const scheduler = house(d);
    void outcome(scheduler.run(request({ seed: 1 })));
    const waiting = [2, 3].map((seed) => outcome(scheduler.run(request({ seed }))));
    await vi.advanceTimersByTimeAsync(95);
    expect(d.engine.batches).toEqual([[1], [2, 3]]);
    d.engine.die('kill -9');
    await vi.advanceTimersByTimeAsync(2_000);
    for (const result of waiting) expect(await result).toHaveProperty('batchSize', 2);
  });

  it('does not suspect those who wait while the load of another bundle kills it', async () => {
    const d = device();
    await warm(d);
    const loading = vi.spyOn(d.engine, 'load');
    for (let time = 1; time <= 2; time++) {
      loading.mockImplementationOnce(() => {
        setTimeout(() => d.engine.die('out of memory'), 50);
        return new Promise((_resolve, reject) =>
          d.engine.onRestart(() => reject(new EngineDiedError('died'))),
        );
      });
    }
    const killer = d.scheduler.load(bundle('killer')).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(10);
    const innocent = outcome(house(d).run(request({ seed: 1 })));
    await vi.advanceTimersByTimeAsync(5_000);
    await killer;
    expect(d.engine.restarts).toBe(2);
    expect(await innocent).toHaveProperty('images');
    expect(d.engine.batches).toEqual([[1]]);
  });

  it('keeps requests waiting for its successor within their deadline', async () => {
    const d = device();
    await warm(d);
    const scheduler = house(d);
    d.engine.die('kill -9');
    const patient = outcome(scheduler.run(request({ seed: 1 })));
    const hasty = outcome(scheduler.run(request({ seed: 2, timeoutMs: 100 })));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await patient).toHaveProperty('images');
    expect(await hasty).toBe('deadline_exceeded');
  });

  it('loads again what it had', async () => {
    const d = device();
    await warm(d);
    d.engine.die('kill -9');
    expect(d.residency.isLoaded('duck')).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(d.residency.isLoaded('duck')).toBe(true);
  });
});

describe('loads one behind another', () => {
  const bundles = [duck, ...['cat', 'dog', 'fox', 'owl'].map((id) => bundle(id))];

  /** Five bundles that are to be there, none of them yet. */
  function keeping() {
    const d = device({ loadMs: 1_000, runMs: 10 });
    for (const each of bundles) d.scheduler.keep(each);
    return d;
  }

  it('let pictures be made between them by what is loaded already', async () => {
    const d = keeping();
    const picture = outcome(house(d).run(request({ seed: 1 })));
    await vi.advanceTimersByTimeAsync(1_500);
    expect(await Promise.race([picture, 'waits'])).toHaveProperty('images');
    expect(d.residency.loadedCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(d.residency.loadedCount()).toBe(5);
  });

  it('do so too when all that was there is loaded again after the engine died', async () => {
    const d = keeping();
    await vi.advanceTimersByTimeAsync(6_000);
    d.engine.die('kill -9');
    const picture = outcome(house(d).run(request({ seed: 1 })));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await Promise.race([picture, 'waits'])).toHaveProperty('images');
    expect(d.residency.loadedCount()).toBe(1);
  });

  it('do so too where one fails', async () => {
    const d = keeping();
    await vi.advanceTimersByTimeAsync(900);
    vi.spyOn(d.engine, 'load').mockImplementationOnce(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      throw new EngineRequestError('out of memory');
    });
    await vi.advanceTimersByTimeAsync(200);
    const picture = outcome(house(d).run(request({ seed: 1 })));
    await vi.advanceTimersByTimeAsync(1_100);
    expect(d.residency.describe('cat').state).toBe('failed');
    expect(await Promise.race([picture, 'waits'])).toHaveProperty('images');
  });
});

describe('a run that fails', () => {
  it('fails the request that caused it and gives the others their picture', async () => {
    const d = device();
    await warm(d);
    const scheduler = house(d);
    d.engine.failingSeed = 3;
    const results = [1, 2, 3, 4].map((seed) => outcome(scheduler.run(request({ seed }))));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await results[2]).toBe('inference_failed');
    for (const i of [0, 1, 3]) expect(await results[i]).toHaveProperty('images');
    expect(d.engine.restarts).toBe(0);
  });
});

describe('several devices', () => {
  it('share the work', async () => {
    const [one, two] = [device({ id: 'cpu:0' }), device({ id: 'cpu:1' })];
    await warm(one, two);
    const scheduler = house(one, two);
    const results = [1, 2].map((seed) => scheduler.run(request({ seed })));
    await vi.advanceTimersByTimeAsync(150);
    expect((await Promise.all(results)).map((result) => result.device)).toEqual(['cpu:0', 'cpu:1']);
  });

  it('prefer the one that has the bundle, until its queue is longer than a load', async () => {
    const [one, two] = [device({ id: 'cpu:0' }), device({ id: 'cpu:1' })];
    await warm(two);
    const scheduler = house(one, two);
    const results = [1, 2].map((seed) => scheduler.run(request({ seed })));
    await vi.advanceTimersByTimeAsync(300);
    expect((await Promise.all(results)).map((result) => result.device)).toEqual(['cpu:1', 'cpu:0']);
  });

  it('count the loads that jobs wait for when they say how long until one is idle', async () => {
    const only = device({ loadMs: 10 });
    const all = house(only);
    await warm(only);
    void outcome(all.run(request({ seed: 1 })));
    expect(all.backlogMs()).toBeCloseTo(100, 0);
    const goose = bundle('goose');
    const asked = [2, 3].map((seed) => request({ seed, bundle: goose }));
    for (const one of asked) void outcome(all.run(one));
    const samplesMs = asked.reduce((sum, one) => sum + only.scheduler.speed.sampleMs(one), 0);
    // Both wait for one load, known to take 10 ms.
    expect(all.backlogMs()).toBeCloseTo(100 + samplesMs + 10, 0);
  });

  it('leave out those that cannot run the graphs', async () => {
    const [cpu, cuda] = [device({ id: 'cpu:0' }), device({ id: 'cuda:0', targets: ['cpu', 'cuda'] })];
    const scheduler = house(cpu, cuda);
    const made = bundle('made-for-cuda');
    made.manifest.target = 'cuda';
    const results = [1, 2, 3].map((seed) => scheduler.run(request({ seed, bundle: made })));
    await expect(cpu.residency.ensure(made)).rejects.toThrow(/made for cuda/);
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await Promise.all(results)).map((result) => result.device)).toEqual([
      'cuda:0',
      'cuda:0',
      'cuda:0',
    ]);
  });

  it('leave out one that is down', async () => {
    const [one, two] = [device({ id: 'cpu:0' }), device({ id: 'cpu:1' })];
    await warm(one, two);
    const scheduler = house(one, two);
    one.engine.die('kill -9');
    const results = [1, 2, 3].map((seed) => scheduler.run(request({ seed })));
    await vi.advanceTimersByTimeAsync(400);
    expect((await Promise.all(results)).map((result) => result.device)).toEqual(['cpu:1', 'cpu:1', 'cpu:1']);
  });
});

describe('residency', () => {
  it('makes room by unloading what was used least recently', async () => {
    const d = device({ memoryBudgetBytes: 2_500 });
    const [cat, house3] = [bundle('cat'), bundle('house')];
    const settle = async (action: Promise<void>): Promise<void> => {
      await vi.advanceTimersByTimeAsync(20);
      await action;
    };
    await settle(d.residency.ensure(duck));
    await settle(d.residency.ensure(cat));
    d.residency.touch('duck');
    await settle(d.residency.ensure(house3));
    expect(d.engine.unloads).toEqual(['cat']);
    expect(d.residency.describe('cat').state).toBe('unloaded');
    expect(d.residency.describe('duck').state).toBe('loaded');
  });

  it('loads one after another where there is only room for one', async () => {
    const d = device({ memoryBudgetBytes: 1_500 });
    const cat = bundle('cat');
    const both = Promise.all([d.residency.ensure(duck), d.residency.ensure(cat)]);
    await vi.advanceTimersByTimeAsync(50);
    await both;
    expect(d.engine.unloads).toEqual(['duck']);
    expect(d.residency.isLoaded('cat')).toBe(true);
    expect(d.residency.isReleased('duck')).toBe(true);
  });

  it('loads again in the next engine when one dies under the load, also if nobody asks', async () => {
    const d = device();
    const load = d.residency.ensure(duck);
    await vi.advanceTimersByTimeAsync(5);
    d.engine.die('kill -9');
    await vi.advanceTimersByTimeAsync(1_000);
    await load;
    expect(d.engine.loads).toEqual(['duck', 'duck']);
    expect(d.residency.isLoaded('duck')).toBe(true);
  });

  it('blames a bundle whose load kills two engines, and refuses who waits for it', async () => {
    const d = device();
    const waiting = outcome(house(d).run(request({ seed: 1 })));
    // A load takes 10 ms, a new engine 500 ms.
    await vi.advanceTimersByTimeAsync(5);
    d.engine.die('out of memory');
    await vi.advanceTimersByTimeAsync(505);
    d.engine.die('out of memory');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await waiting).toBe('model_unavailable');
    expect(d.residency.describe('duck')).toMatchObject({ state: 'failed', reason: 'out of memory' });
    expect(d.engine.loads).toHaveLength(2);
  });

  it('counts a bundle as unloaded when the engine dies under its unloading', async () => {
    const d = device();
    await warm(d);
    const unloaded = d.residency.unload('duck');
    d.engine.die('kill -9');
    await unloaded;
    expect(d.residency.isReleased('duck')).toBe(true);
  });

  it('leaves nothing of a failed load in the engine', async () => {
    const d = device();
    vi.spyOn(d.engine, 'load').mockRejectedValue(new EngineRequestError('the warm-up failed'));
    await expect(d.residency.ensure(duck)).rejects.toThrow(/the warm-up failed/);
    expect(d.engine.unloads).toEqual(['duck']);
  });

  it('refuses a bundle larger than the whole budget, with both numbers', async () => {
    const d = device({ memoryBudgetBytes: 2 * 2 ** 20 });
    const big = bundle('big', 5 * 2 ** 20);
    await expect(d.residency.ensure(big)).rejects.toThrow(/needs 5 MB .* is 2 MB/);
    expect(d.residency.describe('big')).toMatchObject({ state: 'failed' });
  });
});
