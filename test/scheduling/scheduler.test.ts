import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Bundle } from '../../src/bundles/bundle.js';
import { EngineRequestError } from '../../src/engine/engine-process.js';
import type { JobResult } from '../../src/scheduling/job.js';
import { expectedFinishMs } from '../../src/scheduling/placement.js';
import { Scheduler } from '../../src/scheduling/scheduler.js';
import {
  bundle,
  type device as Device,
  device,
  duck,
  house,
  outcome,
  request,
  warm,
} from './fake-devices.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'queueMicrotask'] });
});
afterEach(() => {
  vi.useRealTimers();
});

type TestDevice = ReturnType<typeof Device>;

async function two(): Promise<[TestDevice, TestDevice]> {
  const devices: [TestDevice, TestDevice] = [
    device({ id: 'cpu:0', runMs: 1_000, sizes: [1] }),
    device({ id: 'cpu:1', runMs: 1_000, sizes: [1] }),
  ];
  await warm(...devices);
  return devices;
}

function refuseLoads({ engine }: TestDevice): void {
  vi.spyOn(engine, 'load').mockRejectedValue(new EngineRequestError('CUDA out of memory'));
}

async function devicesOf(results: Promise<JobResult | string>[]): Promise<string[]> {
  return (await Promise.all(results)).map((result) => (typeof result === 'string' ? result : result.device));
}

describe('a device that is gone for good', () => {
  it('gets no job while another one is there, however long the queue', async () => {
    const [good, dead] = await two();
    const all = house(good, dead);
    dead.engine.dieForGood();
    await vi.advanceTimersByTimeAsync(60_000);
    const results = Array.from({ length: 12 }, (_, seed) => outcome(all.run(request({ seed }))));
    expect(dead.scheduler.queued).toBe(0);
    await vi.advanceTimersByTimeAsync(13_000);
    expect(await devicesOf(results)).toEqual(Array.from({ length: 12 }, () => 'cpu:0'));
  });

  it('does not count as idle', async () => {
    const [good, dead] = await two();
    const all = house(good, dead);
    dead.engine.dieForGood();
    for (let seed = 0; seed < 12; seed++) void outcome(all.run(request({ seed })));
    expect(all.backlogMs()).toBeGreaterThan(1_000);
    expect(all.backlogMs()).toBe(good.scheduler.outlook.backlogMs(performance.now()));
  });

  it('keeps no job that waits for it: the others make them', async () => {
    const [good, dying] = await two();
    const all = house(good, dying);
    const results = Array.from({ length: 12 }, (_, seed) => outcome(all.run(request({ seed }))));
    expect(dying.scheduler.queued).toBe(5);
    dying.engine.dieForGood();
    await vi.advanceTimersByTimeAsync(5_001);
    expect(dying.scheduler.queued).toBe(0);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(await devicesOf(results)).toEqual(Array.from({ length: 12 }, () => 'cpu:0'));
  });

  it('gives its jobs to one that comes back later', async () => {
    const [late, dead] = await two();
    const all = house(dead, late);
    dead.engine.dieForGood();
    late.engine.state = 'restarting';
    late.residency.reset();
    const result = outcome(all.run(request({ seed: 1 })));
    await vi.advanceTimersByTimeAsync(8_000);
    expect(dead.scheduler.queued).toBe(1);
    late.engine.state = 'ready';
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await result).toHaveProperty('device', 'cpu:0');
  });

  it('does not take a moved job off its deadline', async () => {
    const [good, dying] = await two();
    const all = house(good, dying);
    const results = Array.from({ length: 12 }, (_, seed) =>
      outcome(all.run(request({ seed, timeoutMs: 6_500 }))),
    );
    dying.engine.dieForGood();
    await vi.advanceTimersByTimeAsync(7_000);
    expect((await devicesOf(results)).filter((code) => code === 'deadline_exceeded')).toHaveLength(6);
    expect(good.scheduler.queued).toBe(0);
  });
});

describe('a load that fails on one device', () => {
  it('costs nobody a picture that another device can make', async () => {
    const [good, full] = [device({ id: 'cpu:0', runMs: 1_000 }), device({ id: 'cpu:1', runMs: 1_000 })];
    await warm(good);
    refuseLoads(full);
    const all = house(good, full);
    const results = Array.from({ length: 8 }, (_, seed) => outcome(all.run(request({ seed }))));
    expect(full.scheduler.queued).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await devicesOf(results)).toEqual(Array.from({ length: 8 }, () => 'cpu:0'));
  });

  it('leaves it out until the load is to be tried again, no longer', async () => {
    const [good, full] = [device({ id: 'cpu:0', sizes: [1] }), device({ id: 'cpu:1', sizes: [1] })];
    await warm(good);
    vi.spyOn(full.engine, 'load').mockRejectedValueOnce(new EngineRequestError('CUDA out of memory'));
    const all = house(good, full);
    const ask = async (): Promise<Set<string>> => {
      const results = Array.from({ length: 8 }, (_, seed) => outcome(all.run(request({ seed }))));
      await vi.advanceTimersByTimeAsync(2_000);
      return new Set(await devicesOf(results));
    };
    expect(await ask()).toEqual(new Set(['cpu:0']));
    expect(await ask()).toEqual(new Set(['cpu:0']));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await ask()).toEqual(new Set(['cpu:0', 'cpu:1']));
  });

  it('leaves its jobs to one that is about to be back', async () => {
    const [away, full] = [device({ id: 'cpu:0' }), device({ id: 'cpu:1' })];
    refuseLoads(full);
    const all = house(away, full);
    away.engine.die('kill -9');
    const result = outcome(all.run(request({ seed: 1 })));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await result).toHaveProperty('device', 'cpu:0');
  });

  it('refuses once it has failed on all, and asks each once', async () => {
    const devices = [device({ id: 'cpu:0' }), device({ id: 'cpu:1' })];
    devices.forEach(refuseLoads);
    const result = outcome(house(...devices).run(request({ seed: 1 })));
    await vi.advanceTimersByTimeAsync(100);
    expect(await result).toBe('model_unavailable');
    for (const { engine } of devices) expect(engine.load).toHaveBeenCalledTimes(1);
  });
});

describe('the backlog', () => {
  it('is that of the devices that have work: an idle one gives no place back', async () => {
    const [cpu, cuda] = [
      device({ id: 'cpu:0', sizes: [1] }),
      device({ id: 'cuda:0', targets: ['cpu', 'cuda'], sizes: [1] }),
    ];
    await warm(cpu, cuda);
    const made = bundle('made-for-cuda');
    made.manifest.target = 'cuda';
    const all = house(cpu, cuda);
    expect(all.backlogMs()).toBe(0);
    for (let seed = 0; seed < 64; seed++) void outcome(all.run(request({ seed, bundle: made })));
    expect(all.backlogMs()).toBeGreaterThan(cuda.scheduler.outlook.backlogMs(performance.now()));
    // Once both work, the first that is done with it has room again.
    void outcome(all.run(request({ seed: 64 })));
    expect(all.backlogMs()).toBeCloseTo(100, 0);
  });
});

describe('a load under way', () => {
  const LOAD_MS = 30_000;

  /** Two devices that hold 'duck'; the first one has just begun to load 'goose', by hand. */
  async function loading(expectedMs = LOAD_MS) {
    const devices = [device({ id: 'cpu:0', loadMs: LOAD_MS }), device({ id: 'cpu:1' })] as const;
    const held = Promise.all(devices.map(({ residency }) => residency.ensure(duck)));
    await vi.advanceTimersByTimeAsync(LOAD_MS + 10);
    await held;
    const loads = { loadMs: () => expectedMs };
    const all = new Scheduler(
      devices.map(({ scheduler }) => scheduler),
      loads,
      () => 1,
    );
    const [slow] = devices;
    void slow.scheduler.load(bundle('goose'));
    await vi.advanceTimersByTimeAsync(100);
    return { slow, all, onlySlow: new Scheduler([slow.scheduler], loads, () => 1) };
  }

  it.each([
    [LOAD_MS, 'as long as they do'],
    [50, 'far longer than expected'],
  ])('leaves its device out while another one is idle, where loads take %i ms, %s', async (expectedMs) => {
    const { all } = await loading(expectedMs);
    await vi.advanceTimersByTimeAsync(1_000);
    const results: Promise<JobResult | string>[] = [];
    for (let seed = 1; seed <= 4; seed++) {
      results.push(outcome(all.run(request({ seed }))));
      await vi.advanceTimersByTimeAsync(150);
    }
    expect(await devicesOf(results)).toEqual(Array.from({ length: 4 }, () => 'cpu:1'));
  });

  it('is all that those whose bundle is loaded wait for, however many loads follow it', async () => {
    const { slow } = await loading();
    const now = performance.now();
    const loads = { loadMs: () => LOAD_MS };
    const finishMs = (asked: Bundle): number =>
      expectedFinishMs(slow.scheduler, request({ seed: 1, bundle: asked }), loads, now);
    const swan = bundle('swan');
    const before = { duck: finishMs(duck), swan: finishMs(swan) };
    void slow.scheduler.load(bundle('owl'));
    expect(finishMs(duck)).toBe(before.duck);
    expect(finishMs(swan)).toBeCloseTo(before.swan + LOAD_MS, 5);
  });

  it('is part of the backlog of those who wait behind it, with what is left of it', async () => {
    const { slow, onlySlow } = await loading();
    const result = outcome(onlySlow.run(request({ seed: 1 })));
    await vi.advanceTimersByTimeAsync(10_000);
    const leftMs = () => onlySlow.backlogMs() - slow.scheduler.outlook.backlogMs(performance.now());
    expect(leftMs()).toBeCloseTo(LOAD_MS - 10_100, 0);
    // It is counted once, also for those who wait for its bundle.
    void outcome(onlySlow.run(request({ seed: 2, bundle: bundle('goose') })));
    expect(leftMs()).toBeCloseTo(LOAD_MS - 10_100, 0);
    await vi.advanceTimersByTimeAsync(LOAD_MS);
    expect(await result).toHaveProperty('images');
  });
});

describe('a bundle that was replaced', () => {
  it('runs for nobody any more who asked for it before, but for those whose run has begun', async () => {
    const d = device();
    await warm(d);
    const all = house(d);
    const [running, waiting] = [1, 2].map((seed) => outcome(all.run(request({ seed }))));
    const next = bundle('duck');
    all.replace(next);
    const late = outcome(all.run(request({ seed: 3 })));
    const ofTheNext = outcome(all.run(request({ seed: 4, bundle: next })));
    await vi.advanceTimersByTimeAsync(1_000);
    expect([await waiting, await late]).toEqual(['model_unavailable', 'model_unavailable']);
    for (const made of [running, ofTheNext]) expect(await made).toHaveProperty('images');
    expect(d.engine.batches).toEqual([[1], [4]]);
  });

  it.each(['fails', 'dies with its engine'])('does not come back when a batch of it %s', async (end) => {
    const d = device();
    await warm(d);
    const ensure = vi.spyOn(d.residency, 'ensure');
    const all = house(d);
    d.engine.failingSeed = 2;
    const results = [1, 2, 3].map((seed) => outcome(all.run(request({ seed }))));
    await vi.advanceTimersByTimeAsync(120);
    const next = bundle('duck');
    all.replace(next);
    const unloaded = d.scheduler.unload('duck');
    if (end !== 'fails') d.engine.die('kill -9');
    await vi.advanceTimersByTimeAsync(1_000);
    const loaded = unloaded.then(() => d.scheduler.load(next));
    await vi.advanceTimersByTimeAsync(1_000);
    await loaded;
    expect(await Promise.all(results)).toEqual([
      expect.objectContaining({ batchSize: 1 }),
      'model_unavailable',
      'model_unavailable',
    ]);
    expect(new Set(ensure.mock.calls.map(([each]) => each === next))).toEqual(new Set([true]));
    expect(d.engine.batches).toEqual([[1], [2, 3]]);
  });

  it('is not tried again for a picture that failed alone: that one is told why', async () => {
    const d = device();
    await warm(d);
    const all = house(d);
    d.engine.failingSeed = 1;
    const result = outcome(all.run(request({ seed: 1 })));
    all.replace(bundle('duck'));
    await vi.advanceTimersByTimeAsync(200);
    expect(await result).toBe('inference_failed');
  });
});

describe('a job of several parts', () => {
  async function inParts() {
    const d = device({ runMs: 1_000, sizes: [1] });
    await warm(d);
    return { d, all: new Scheduler([d.scheduler], { loadMs: () => 10 }, () => 1) };
  }

  it('ends with the first part that fails: nobody waits for the others', async () => {
    const { d, all } = await inParts();
    d.engine.failingSeed = 0;
    const result = outcome(all.run(request({ seed: 0, count: 8 })));
    await vi.advanceTimersByTimeAsync(1_500);
    expect(await result).toBe('inference_failed');
    expect(d.scheduler.queued).toBe(0);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(d.engine.batches.length).toBeLessThanOrEqual(2);
  });

  it('ends with its client', async () => {
    const { d, all } = await inParts();
    const leaving = new AbortController();
    const result = outcome(all.run(request({ seed: 0, count: 8, signal: leaving.signal })));
    await vi.advanceTimersByTimeAsync(500);
    leaving.abort();
    expect(await result).toBe('aborted');
    expect(d.scheduler.queued).toBe(0);
  });

  it('makes all its pictures, in order', async () => {
    const { all } = await inParts();
    const result = all.run(request({ seed: 10, count: 3 }));
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await result).images.map((image) => image[0])).toEqual([10, 11, 12]);
  });
});
