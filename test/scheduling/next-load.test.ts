import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Bundle } from '../../src/bundles/bundle.js';
import type { Scheduler } from '../../src/scheduling/scheduler.js';
import { BROKEN, bundle, device, duck, house, outcome, request } from './fake-devices.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'queueMicrotask'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const cat = bundle('cat');

/** Lets time pass until a promise that needs it has settled. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  await vi.advanceTimersByTimeAsync(milliseconds);
  return promise;
}

/** Asks for one picture after the other until told to stop; `made` counts them. */
function client(
  scheduler: Scheduler,
  fields: { id: string; name: string; thinkMs?: number; priority?: 'interactive' | 'normal' },
) {
  const { id, name, thinkMs = 0, priority = 'normal' } = fields;
  const state = { made: 0, over: false };
  const loop = async (): Promise<void> => {
    while (!state.over) {
      await outcome(scheduler.run(request({ seed: 1, bundle: bundle(id), client: name, priority })));
      state.made++;
      if (thinkMs > 0) await new Promise((resolve) => setTimeout(resolve, thinkMs));
    }
  };
  void loop();
  return state;
}

describe('two bundles where there is room for one', () => {
  it.each([
    [3, 0],
    [1, 250],
  ])(
    'are not loaded in turns for a batch each, and none starves (%i clients each, %i ms between their pictures)',
    async (count, thinkMs) => {
      const d = device({ memoryBudgetBytes: 1_500, loadMs: 1_000 });
      const scheduler = house(d);
      const ids = ['duck', 'cat'];
      const clients = ids.map((id) =>
        Array.from({ length: count }, (_, i) => client(scheduler, { id, name: `${id} ${i}`, thinkMs })),
      );
      await vi.advanceTimersByTimeAsync(60_000);
      // A second's load and twice as long with it, or a batch more: 20 times a minute. For a batch each it was 55 times.
      expect(d.engine.loads.length).toBeGreaterThan(15);
      expect(d.engine.loads.length).toBeLessThan(23);
      const made = clients.map((of) => of.reduce((sum, { made }) => sum + made, 0));
      expect(Math.min(...made)).toBeGreaterThan(0.8 * Math.max(...made));
      for (const one of clients.flat()) one.over = true;
      await vi.advanceTimersByTimeAsync(5_000);
    },
  );

  it('change places soon when nobody asks for the one that is there', async () => {
    const d = device({ memoryBudgetBytes: 1_500, loadMs: 300 });
    const scheduler = house(d);
    void outcome(scheduler.run(request({ seed: 1 })));
    await vi.advanceTimersByTimeAsync(410);
    void outcome(scheduler.run(request({ seed: 2, bundle: cat })));
    // Its only picture was ready at 400 ms: whoever had it may be about to ask for the next one.
    await vi.advanceTimersByTimeAsync(280);
    expect(d.engine.loads).toEqual(['duck']);
    await vi.advanceTimersByTimeAsync(15);
    expect(d.engine.loads).toEqual(['duck', 'cat']);
  });

  it('change places at once for an interactive request, where only normal ones want the other', async () => {
    const d = device({ memoryBudgetBytes: 1_500, loadMs: 4_000 });
    const scheduler = house(d);
    const busy = [1, 2].map((i) => client(scheduler, { id: 'duck', name: `duck ${i}` }));
    await vi.advanceTimersByTimeAsync(4_550);
    const asked = performance.now();
    void outcome(scheduler.run(request({ seed: 2, bundle: cat, priority: 'interactive' })));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(d.engine.loads).toEqual(['duck', 'cat']);
    expect(performance.now() - asked).toBeLessThan(1_001);
    for (const one of busy) one.over = true;
    await vi.advanceTimersByTimeAsync(60_000);
  });

  it('are refused without waiting where they cannot be had at all', async () => {
    const d = device({ memoryBudgetBytes: 1_500, loadMs: 4_000 });
    const scheduler = house(d);
    const ask = (wanted: Bundle) => outcome(scheduler.run(request({ seed: 2, bundle: wanted })));
    expect(await within(20, ask(bundle(BROKEN)))).toBe('model_unavailable');
    const busy = client(scheduler, { id: 'duck', name: 'duck' });
    await vi.advanceTimersByTimeAsync(4_550);
    // Both would have to wait for the room of 'duck', which was just loaded.
    expect(await within(20, ask(bundle('huge', 2_000)))).toBe('model_unavailable');
    expect(await within(20, ask(bundle(BROKEN)))).toBe('model_unavailable');
    busy.over = true;
    await vi.advanceTimersByTimeAsync(10_000);
  });
});

describe('a bundle that was just loaded', () => {
  it('is not the next to leave, though it was asked for before the others were used', async () => {
    const d = device({ memoryBudgetBytes: 2_500, loadMs: 300 });
    await within(700, Promise.all([d.residency.ensure(duck), d.residency.ensure(cat)]));
    const scheduler = house(d);
    // Past their stay: 'duck' is in use, 'cat' is not.
    await vi.advanceTimersByTimeAsync(2_000);
    const busy = client(scheduler, { id: 'duck', name: 'duck' });
    await vi.advanceTimersByTimeAsync(50);
    const heron = outcome(scheduler.run(request({ seed: 2, bundle: bundle('heron'), client: 'duck' })));
    await vi.advanceTimersByTimeAsync(150);
    const urgent = request({ seed: 3, bundle: bundle('goose'), priority: 'interactive' });
    const goose = outcome(scheduler.run(urgent));
    await vi.advanceTimersByTimeAsync(400);
    expect(d.engine.unloads).toEqual(['cat', 'duck']);
    expect(await within(10_000, heron)).toHaveProperty('images');
    expect(await goose).toHaveProperty('images');
    busy.over = true;
    await vi.advanceTimersByTimeAsync(1_000);
  });

  it('leaves a small one in that fits beside it, though another waits for its room', async () => {
    const d = device({ memoryBudgetBytes: 1_500, loadMs: 4_000 });
    const scheduler = house(d);
    const busy = client(scheduler, { id: 'duck', name: 'duck' });
    await vi.advanceTimersByTimeAsync(4_250);
    void outcome(scheduler.run(request({ seed: 2, bundle: cat })));
    void outcome(scheduler.run(request({ seed: 3, bundle: bundle('mini', 100) })));
    await vi.advanceTimersByTimeAsync(200);
    expect(d.engine.loads).toEqual(['duck', 'mini']);
    busy.over = true;
    await vi.advanceTimersByTimeAsync(60_000);
  });

  it('makes the pictures that it was loaded for before it leaves', async () => {
    const d = device({ memoryBudgetBytes: 1_500, loadMs: 300 });
    const scheduler = house(d);
    // A client that asked for much, most of it still to be made, and one that asked for nothing yet and goes first.
    const crowd = { client: 'crowd' };
    void outcome(scheduler.run(request({ ...crowd, seed: 0, count: 4, timeoutMs: 50 })));
    const ducks = Array.from({ length: 20 }, (_, i) =>
      outcome(scheduler.run(request({ ...crowd, seed: i }))),
    );
    await vi.advanceTimersByTimeAsync(100);
    const other = outcome(scheduler.run(request({ seed: 99, bundle: cat })));
    await vi.advanceTimersByTimeAsync(5_000);
    for (const picture of [...ducks, other]) expect(await picture).toHaveProperty('images');
    expect(d.engine.loads).toEqual(['duck', 'cat']);
  });

  it('stays for ten seconds at most, and leaves in the middle of a batch', async () => {
    const d = device({ memoryBudgetBytes: 1_500, loadMs: 20_000, runMs: 3_000 });
    const scheduler = house(d);
    const busy = ['a', 'b'].map((name) => client(scheduler, { id: 'duck', name }));
    await vi.advanceTimersByTimeAsync(21_000);
    void outcome(scheduler.run(request({ seed: 1, bundle: cat, timeoutMs: 120_000 })));
    await vi.advanceTimersByTimeAsync(8_990);
    expect(d.engine.unloads).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(d.engine.unloads).toEqual(['duck']);
    for (const one of busy) one.over = true;
    await vi.advanceTimersByTimeAsync(60_000);
  });

  it('is waited for by those whose room it takes', async () => {
    const d = device({ memoryBudgetBytes: 1_500, loadMs: 300 });
    const scheduler = house(d);
    // Somebody has it loaded by hand: nobody waits for its end.
    void d.residency.ensure(duck);
    await vi.advanceTimersByTimeAsync(10);
    const asked = outcome(scheduler.run(request({ seed: 1, bundle: cat })));
    // Its load, a moment for whoever had it loaded, the load of the other, and the run.
    expect(await within(300 + 300 + 300 + 110, asked)).toHaveProperty('images');
    expect(d.engine.loads).toEqual(['duck', 'cat']);
  });
});

describe('two devices with room for one bundle each', () => {
  it('give a picture to the one where the other bundle may leave first', async () => {
    const options = { memoryBudgetBytes: 1_500, loadMs: 4_000 };
    const [late, early] = [device({ ...options, id: 'fake:0' }), device({ ...options, id: 'fake:1' })];
    await within(4_100, early.residency.ensure(duck));
    await vi.advanceTimersByTimeAsync(20_000);
    await within(4_100, late.residency.ensure(duck));
    const scheduler = house(late, early);
    const busy = [1, 2, 3, 4].map((i) => client(scheduler, { id: 'duck', name: `duck ${i}` }));
    await vi.advanceTimersByTimeAsync(150);
    void outcome(scheduler.run(request({ seed: 1, bundle: cat })));
    await vi.advanceTimersByTimeAsync(200);
    expect(early.engine.loads).toEqual(['duck', 'cat']);
    expect(late.engine.loads).toEqual(['duck']);
    for (const one of busy) one.over = true;
    await vi.advanceTimersByTimeAsync(60_000);
  });
});
