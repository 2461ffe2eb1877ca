/** What a device learns of a bundle from its load. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMetrics } from '../../src/metrics.js';
import { createDevice } from '../../src/scheduling/create-device.js';
import { Scheduler } from '../../src/scheduling/scheduler.js';
import { duck, outcome, request, SIDE } from './fake-devices.js';
import { FakeEngine } from './fake-engine.js';

/** A GPU with room for batches of 4, all of which are worth it. */
function smallCard(preferredBatchSizes: number[] = []) {
  const engine = new FakeEngine({ padsBatches: true });
  vi.spyOn(engine, 'load').mockResolvedValue({
    loadMs: 10,
    warmUpMs: 10,
    runMs: [1, 2, 4].map((batchSize) => ({ batchSize, milliseconds: 100 })),
    failed: { batchSize: 8, reason: 'Failed to allocate memory' },
  });
  const run = engine.run.bind(engine);
  vi.spyOn(engine, 'run').mockImplementation((batch) => {
    const pixels = batch.runSize * batch.width * batch.height;
    return pixels > 4 * SIDE * SIDE ? Promise.reject(new Error('Failed to allocate memory')) : run(batch);
  });
  const device = createDevice(engine, {
    maxBatchSize: 8,
    maxQueueDelayMs: 0,
    agingMs: 1_000_000,
    preferredBatchSizes,
    verify: async () => undefined,
    loadTimes: new Map(),
    metrics: createMetrics(),
    logger: pino({ level: 'silent' }),
  });
  const house = new Scheduler([device], { loadMs: () => 10 }, (shape) => device.largestBatch(shape));
  return { engine, device, house };
}

describe('a card that has no room for the largest batch', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'queueMicrotask'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([{ byHand: [] }, { byHand: [1, 4, 8] }])(
    'makes eight variations in batches that it has room for, also with the sizes $byHand set by hand',
    async ({ byHand }) => {
      const { engine, device, house } = smallCard(byHand);
      await device.load(duck);
      const made = outcome(house.run(request({ seed: 1, count: 8 })));
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await made).toMatchObject({ batchSize: 4 });
      expect(engine.runSizes).toEqual([4, 4]);
    },
  );

  it('makes them although it did not know before they came', async () => {
    const { engine, house } = smallCard();
    const made = outcome(house.run(request({ seed: 1, count: 8 })));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await made).toMatchObject({ batchSize: 4 });
    expect(engine.runSizes).toEqual([4, 4]);
  });

  it('pads no batch to more, nor larger pictures to as many', async () => {
    const { engine, device, house } = smallCard();
    await device.load(duck);
    const made = [1, 2, 3].map((seed) => outcome(house.run(request({ seed }))));
    const large = outcome(house.run(request({ seed: 4, width: 2 * SIDE, count: 3 })));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await Promise.all([...made, large])).not.toContain('inference_failed');
    expect(Math.max(...engine.runSizes)).toBeLessThanOrEqual(4);
  });
});
