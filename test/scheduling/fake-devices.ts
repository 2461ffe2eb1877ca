/** Devices on fake engines, bundles and requests for them. */
import { vi } from 'vitest';
import type { Bundle } from '../../src/bundles/bundle.js';
import { LastingLoadError } from '../../src/bundles/lasting-load-error.js';
import { Residency } from '../../src/bundles/residency.js';
import type { Img2ImgError } from '../../src/errors.js';
import { DeviceScheduler } from '../../src/scheduling/device-scheduler.js';
import type { JobRequest, JobResult } from '../../src/scheduling/job.js';
import { Scheduler } from '../../src/scheduling/scheduler.js';
import { Speed } from '../../src/scheduling/speed.js';
import { FakeEngine, type FakeEngineOptions } from './fake-engine.js';

export const SIDE = 8;

export function bundle(id: string, graphBytes = 1_000): Bundle {
  const manifest = {
    id,
    precision: 'fp32',
    target: 'cpu',
    text_encoder: { sha256: '', external_data: [] },
    tokenizer: { max_length: 4 },
    embedding: { length: 4, width: 2 },
    latent: { channels: 4, downscale: 8 },
    size: { native: [SIDE, SIDE] },
    preferred_batch_sizes: [1, 2, 4, 8],
  };
  // Scheduling reads no more of a bundle than this.
  const graphs = [{ path: id, sha256: '', bytes: graphBytes }];
  const modelsDir = '/models';
  return {
    id,
    modelsDir,
    manifest,
    graphs,
    graphBytes,
    directions: new Map(),
    files: [],
  } as unknown as Bundle;
}

/** The id of a bundle that no device can load. */
export const BROKEN = 'broken';

export const duck = bundle('duck');
export const DUCK_SHAPE = { bundle: duck, direction: 'sketch_to_image', width: SIDE, height: SIDE };

export interface Asked extends Partial<JobRequest> {
  seed: number;
  count?: number;
  timeoutMs?: number;
}

export function request({ seed, count = 1, timeoutMs = 60_000, ...fields }: Asked): JobRequest {
  return {
    bundle: duck,
    direction: 'sketch_to_image',
    width: SIDE,
    height: SIDE,
    samples: Array.from({ length: count }, (_, i) => ({
      image: new Uint8Array(SIDE * SIDE * 3).fill(seed + i),
      tokens: new BigInt64Array(4),
      seed: seed + i,
      gamma: 1,
    })),
    priority: 'normal',
    client: `client ${seed}`,
    deadlineAt: performance.now() + timeoutMs,
    ...fields,
  };
}

export function device(options: FakeEngineOptions & { maxQueueDelayMs?: number; sizes?: number[] } = {}) {
  const engine = new FakeEngine(options);
  const events = { done: 0, failed: 0, restarts: 0, busyMs: 0, notMultiplied: [] as string[], givenBack: 0 };
  const residency = new Residency(engine, {
    batchSizes: () => [1],
    verify: async ({ id }) => {
      if (id === BROKEN) throw new LastingLoadError('its files differ');
    },
    onLoaded: () => undefined,
    onFailed: () => undefined,
    onUnloaded: () => undefined,
    onMultiplied: (_bundle, reason) => {
      if (reason !== undefined) events.notMultiplied.push(reason);
    },
    onGivenBack: () => events.givenBack++,
  });
  const speed = new Speed();
  // A batch takes as long as a sample: the larger the better.
  for (let size = 1; size <= 8; size++) speed.record(DUCK_SHAPE, size, options.runMs ?? 100);
  const scheduler = new DeviceScheduler(engine, residency, speed, {
    maxBatchSize: 8,
    maxQueueDelayMs: options.maxQueueDelayMs ?? 0,
    agingMs: 1_000_000,
    preferredSizes: () => options.sizes ?? [1, 2, 4, 8],
    warmSizes: () => options.sizes ?? [1, 2, 4, 8],
    observer: {
      batchDone: ({ busyMs }) => {
        events.done++;
        events.busyMs += busyMs;
      },
      batchFailed: () => events.failed++,
      engineRestarted: () => events.restarts++,
    },
  });
  return { engine, residency, scheduler, events };
}

export const LARGEST_BATCH = 8;

export function house(...devices: ReturnType<typeof device>[]): Scheduler {
  return new Scheduler(
    devices.map(({ scheduler }) => scheduler),
    { loadMs: () => 10 },
    () => LARGEST_BATCH,
  );
}

export async function warm(...devices: ReturnType<typeof device>[]): Promise<void> {
  const loads = Promise.all(devices.map(({ residency }) => residency.ensure(duck)));
  await vi.advanceTimersByTimeAsync(20);
  await loads;
}

/** What became of a promise, without an unhandled rejection. */
export function outcome(result: Promise<JobResult>): Promise<JobResult | string> {
  return result.catch((error: Img2ImgError) => error.code);
}
