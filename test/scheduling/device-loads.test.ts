import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EngineDiedError, EngineRequestError } from '../../src/engine/engine-process.js';
import { Img2ImgError } from '../../src/errors.js';
import { BROKEN, bundle, device, duck, house, outcome, request, warm } from './fake-devices.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'queueMicrotask'] });
});
afterEach(() => {
  vi.useRealTimers();
});

type TestDevice = ReturnType<typeof device>;

const OUT_OF_MEMORY = new EngineRequestError('CUDA out of memory');

/** The next loads fail, as when the memory of an engine that was killed is not free yet. */
function failLoads({ engine }: TestDevice, times: number) {
  const loads = vi.spyOn(engine, 'load');
  for (let i = 0; i < times; i++) loads.mockRejectedValueOnce(OUT_OF_MEMORY);
  return loads;
}

describe('a bundle that is to be there, asked for or not', () => {
  it('is loaded again where its first load failed', async () => {
    const d = device();
    failLoads(d, 1);
    d.scheduler.keep(duck);
    await vi.advanceTimersByTimeAsync(4_900);
    expect(d.residency.describe('duck')).toMatchObject({ state: 'failed', reason: 'CUDA out of memory' });
    await vi.advanceTimersByTimeAsync(200);
    expect(d.residency.isLoaded('duck')).toBe(true);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(d.engine.load).toHaveBeenCalledTimes(2);
  });

  it('is loaded again where it was lost with its engine and does not fit into the next one at once', async () => {
    const d = device();
    await warm(d);
    failLoads(d, 2);
    d.engine.die('kill -9');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(d.residency.isLoaded('duck')).toBe(false);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(d.residency.isLoaded('duck')).toBe(true);
  });

  it('is tried less and less often, and no more when the server closes', async () => {
    const d = device();
    const loads = failLoads(d, 1_000);
    d.scheduler.keep(duck);
    await vi.advanceTimersByTimeAsync(300_000);
    // At 0, 5, 15, 35 and 75 seconds, then every minute.
    expect(loads).toHaveBeenCalledTimes(8);
    d.scheduler.close(new Img2ImgError('draining', 'The server is shutting down.'));
    await vi.advanceTimersByTimeAsync(300_000);
    expect(loads).toHaveBeenCalledTimes(8);
  });

  it('is tried in a new engine at once, unless its load was what killed the last one', async () => {
    const [d, deadly] = [device(), device()];
    failLoads(d, 1);
    const kill = vi.spyOn(deadly.engine, 'load').mockRejectedValue(new EngineDiedError('segmentation fault'));
    for (const { scheduler } of [d, deadly]) scheduler.keep(duck);
    await vi.advanceTimersByTimeAsync(1_000);
    for (const { engine } of [d, deadly]) engine.die('kill -9');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(d.residency.isLoaded('duck')).toBe(true);
    expect(kill).toHaveBeenCalledTimes(2);
    kill.mockRestore();
    await vi.advanceTimersByTimeAsync(4_000);
    expect(deadly.residency.isLoaded('duck')).toBe(true);
  });

  it.each([BROKEN, 'huge'])('is not tried again where that is no use (%s)', async (id) => {
    const d = device({ memoryBudgetBytes: 1_500 });
    const ensure = vi.spyOn(d.residency, 'ensure');
    d.scheduler.keep(bundle(id, id === BROKEN ? 1_000 : 2_000));
    await vi.advanceTimersByTimeAsync(100);
    expect(d.residency.describe(id).state).toBe('failed');
    ensure.mockClear();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(ensure).not.toHaveBeenCalled();
  });

  it('is not, once it was unloaded by hand', async () => {
    const [failed, lost] = [device(), device()];
    failLoads(failed, 1);
    failed.scheduler.keep(duck);
    await warm(lost);
    lost.engine.die('kill -9');
    for (const { scheduler } of [failed, lost]) await scheduler.unload('duck');
    await vi.advanceTimersByTimeAsync(600_000);
    for (const { residency } of [failed, lost]) {
      expect(residency.describe('duck').state).toBe('unloaded');
      expect(residency.isReleased('duck')).toBe(true);
    }
  });
});

describe('a bundle that is to be there, where others have its room', () => {
  /** A device with room for one: it is taken by 'goose' since the load of 'duck' failed. */
  async function taken(runMs = 100) {
    const d = device({ memoryBudgetBytes: 1_500, runMs });
    failLoads(d, 1);
    d.scheduler.keep(duck);
    await vi.advanceTimersByTimeAsync(100);
    const use = async (): Promise<void> => {
      const picture = outcome(all.run(request({ seed: 1, bundle: goose, timeoutMs: 10 * runMs })));
      await vi.advanceTimersByTimeAsync(runMs + 100);
      expect(await picture).toHaveProperty('images');
    };
    const all = house(d);
    await use();
    return { ...d, use };
  }
  const goose = bundle('goose');

  it('drives out none that is in use', async () => {
    const { residency, use } = await taken();
    for (let picture = 0; picture < 10; picture++) {
      await vi.advanceTimersByTimeAsync(50_000);
      await use();
    }
    expect(residency.describe('duck').state).toBe('failed');
    expect(residency.isLoaded('goose')).toBe(true);
  });

  it('drives out none that somebody waits for, however long a run takes', async () => {
    const d = await taken(100_000);
    const all = house(d);
    const two = [2, 3].map((seed) => outcome(all.run(request({ seed, bundle: goose, timeoutMs: 500_000 }))));
    for (let second = 0; second < 200; second++) {
      expect(d.residency.isLoaded('goose')).toBe(true);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    for (const picture of two) expect(await picture).toHaveProperty('images');
  });

  it('comes when they were not used for a minute', async () => {
    const { residency } = await taken();
    await vi.advanceTimersByTimeAsync(55_000);
    expect(residency.isLoaded('goose')).toBe(true);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(residency.isLoaded('duck')).toBe(true);
  });
});

describe('a bundle that is loaded by hand', () => {
  it('is not loaded again behind the back of whoever asked, where that failed', async () => {
    const d = device();
    const loads = failLoads(d, 1);
    await expect(d.scheduler.load(duck)).rejects.toMatchObject({ code: 'model_unavailable' });
    await vi.advanceTimersByTimeAsync(600_000);
    d.engine.die('kill -9');
    await vi.advanceTimersByTimeAsync(600_000);
    expect(loads).toHaveBeenCalledTimes(1);
  });

  it('is there again in a new engine, where it succeeded', async () => {
    const d = device();
    const loaded = d.scheduler.load(duck);
    await vi.advanceTimersByTimeAsync(20);
    await loaded;
    d.engine.die('kill -9');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(d.residency.isLoaded('duck')).toBe(true);
  });
});

describe('a load whose engine stays away', () => {
  /** A device whose engine died under the load of 'duck', by hand, and that a picture waits for. */
  async function gone() {
    const d = device();
    const loaded = d.scheduler.load(duck).catch((error: Img2ImgError) => error.code);
    const picture = outcome(house(d).run(request({ seed: 1 })));
    await vi.advanceTimersByTimeAsync(5);
    d.engine.dieForGood();
    return { ...d, loaded, picture };
  }

  it('ends, and blames no bundle', async () => {
    const { loaded, residency, scheduler } = await gone();
    await vi.advanceTimersByTimeAsync(5_010);
    expect(await loaded).toBe('engine_unavailable');
    expect(residency.describe('duck').state).toBe('unloaded');
    await scheduler.unload('duck');
    await expect(scheduler.load(duck)).rejects.toMatchObject({ code: 'engine_unavailable' });
  });

  it('leaves those who wait for the bundle to the engine that comes back', async () => {
    const { engine, picture } = await gone();
    await vi.advanceTimersByTimeAsync(10_000);
    engine.comeBack();
    await vi.advanceTimersByTimeAsync(200);
    expect(await picture).toHaveProperty('images');
    expect(engine.loads).toEqual(['duck', 'duck']);
  });

  it('is not begun before the engine is back, where the bundle is to be there', async () => {
    const { engine, residency, scheduler } = await gone();
    await vi.advanceTimersByTimeAsync(5_010);
    scheduler.keep(bundle('goose'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(residency.describe('goose').state).toBe('unloaded');
    engine.comeBack();
    await vi.advanceTimersByTimeAsync(200);
    expect(residency.isLoaded('goose')).toBe(true);
  });
});

describe('a bundle whose load failed', () => {
  it('is refused with the time after which it is tried again', async () => {
    const d = device();
    failLoads(d, 1);
    const ask = () => d.residency.ensure(duck).catch((error: Img2ImgError) => error.retryAfterSeconds);
    expect(await ask()).toBe(5);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await ask()).toBe(2);
    await vi.advanceTimersByTimeAsync(2_000);
    const loaded = d.residency.ensure(duck);
    await vi.advanceTimersByTimeAsync(20);
    await loaded;
  });

  it('is refused without one where trying again is no use', async () => {
    const { residency } = device();
    await expect(residency.ensure(bundle(BROKEN))).rejects.toMatchObject({
      code: 'model_unavailable',
      retryAfterSeconds: undefined,
    });
  });

  it('may be asked for in the next engine', async () => {
    const d = device();
    failLoads(d, 1);
    const scheduler = house(d);
    expect(await outcome(scheduler.run(request({ seed: 1 })))).toBe('model_unavailable');
    d.engine.die('kill -9');
    const next = outcome(scheduler.run(request({ seed: 2 })));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await next).toHaveProperty('images');
  });
});
