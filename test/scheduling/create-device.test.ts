/** What a device learns of a bundle from its load. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMetrics } from '../../src/metrics.js';
import { createDevice } from '../../src/scheduling/create-device.js';
import { Scheduler } from '../../src/scheduling/scheduler.js';
import { duck, outcome, request, SIDE } from './fake-devices.js';
import { FakeEngine } from './fake-engine.js';

const NO_ROOM = 'Failed to allocate memory';

interface CardOptions {
  id?: string;
  fits?: number;
  byHand?: number[];
}

/** A GPU with room for batches of so many, all of which are worth it. `asked`: the sizes it was to run, failed ones too. */
function smallCard({ id = 'fake:0', fits = 4, byHand = [] }: CardOptions = {}) {
  const engine = new FakeEngine({ id, padsBatches: true });
  vi.spyOn(engine, 'load').mockResolvedValue({
    loadMs: 10,
    warmUpMs: 10,
    runMs: [1, 2, 4].filter((size) => size <= fits).map((batchSize) => ({ batchSize, milliseconds: 100 })),
    failed: { batchSize: 2 * fits, reason: NO_ROOM },
  });
  const asked: number[] = [];
  const run = engine.run.bind(engine);
  vi.spyOn(engine, 'run').mockImplementation((batch) => {
    asked.push(batch.runSize);
    const pixels = batch.runSize * batch.width * batch.height;
    return pixels > fits * SIDE * SIDE ? Promise.reject(new Error(NO_ROOM)) : run(batch);
  });
  const device = createDevice(engine, {
    maxBatchSize: 8,
    maxQueueDelayMs: 0,
    agingMs: 1_000_000,
    preferredBatchSizes: byHand,
    verify: async () => undefined,
    loadTimes: new Map(),
    metrics: createMetrics(),
    logger: pino({ level: 'silent' }),
  });
  return { asked, device };
}

function houseOf(...cards: ReturnType<typeof smallCard>[]): Scheduler {
  const devices = cards.map(({ device }) => device);
  return new Scheduler(devices, { loadMs: () => 10 }, (shape) =>
    Math.min(...devices.map((device) => device.largestBatch(shape))),
  );
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
      const card = smallCard({ byHand });
      await card.device.load(duck);
      const made = outcome(houseOf(card).run(request({ seed: 1, count: 8 })));
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await made).toMatchObject({ batchSize: 4 });
      expect(card.asked).toEqual([4, 4]);
    },
  );

  it('makes them although it did not know before they came, and tries no more than it has room for', async () => {
    const card = smallCard();
    const made = outcome(houseOf(card).run(request({ seed: 1, count: 8 })));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await made).toMatchObject({ batchSize: 4 });
    expect(card.asked).toEqual([4, 4]);
  });

  it('makes them together with one that has room for even fewer', async () => {
    const cards = [smallCard({ id: 'fake:0' }), smallCard({ id: 'fake:1', fits: 2 })] as const;
    const made = outcome(houseOf(...cards).run(request({ seed: 1, count: 8 })));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await made).toHaveProperty('images.length', 8);
    const [larger, smaller] = cards.map(({ asked }) => Math.max(...asked));
    expect(larger).toBeLessThanOrEqual(4);
    expect(smaller).toBeLessThanOrEqual(2);
  });

  it('pads no batch to more, nor larger pictures to as many', async () => {
    const card = smallCard();
    const house = houseOf(card);
    await card.device.load(duck);
    const made = [1, 2, 3].map((seed) => outcome(house.run(request({ seed }))));
    const large = outcome(house.run(request({ seed: 4, width: 2 * SIDE, count: 3 })));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await Promise.all([...made, large])).not.toContain('inference_failed');
    expect(Math.max(...card.asked)).toBeLessThanOrEqual(4);
  });
});
