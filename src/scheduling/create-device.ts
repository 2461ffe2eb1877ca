/** One device, ready to take jobs: its residency, what it learned of its speed, and the scheduler over both. */
import type { Logger } from 'pino';
import type { Bundle } from '../bundles/bundle.js';
import { Residency } from '../bundles/residency.js';
import type { Engine } from '../engine/engine.js';
import type { LoadOutput } from '../engine/protocol.js';
import type { Metrics } from '../metrics.js';
import { allowedSizes, worthwhileSizes } from './batch-size.js';
import { DeviceScheduler } from './device-scheduler.js';
import { Speed } from './speed.js';

/**
 * Larger batches bring a CPU nothing that could be told from noise, and the images of eight clients to decode and encode at
 * once, on the same cores: the event loop's p99 delay was 21 ms at 8 and 8 ms at 4 (docs/performance.md).
 */
const LARGEST_ON_CPU = 4;

export interface CreateDeviceOptions {
  maxBatchSize: number;
  maxQueueDelayMs: number;
  agingMs: number;
  /** Batch sizes set by hand, ascending; empty: those of the bundle that warm-up shows to be worth it. */
  preferredBatchSizes: readonly number[];
  /** Checks a bundle's files before its first load. */
  verify(bundle: Bundle): Promise<void>;
  /** Milliseconds of the last load by bundle id, shared by all devices. */
  loadTimes: Map<string, number>;
  metrics: Metrics;
  logger: Logger;
}

export function createDevice(engine: Engine, options: CreateDeviceOptions): DeviceScheduler {
  const { maxBatchSize, preferredBatchSizes, loadTimes, metrics, logger } = options;
  const speed = new Speed();
  /** By bundle, what its last load showed. */
  const sizes = new WeakMap<Bundle, { preferred: readonly number[]; warm: readonly number[] }>();

  const allowed = (bundle: Bundle): number[] =>
    allowedSizes(bundle.manifest.preferred_batch_sizes, preferredBatchSizes, maxBatchSize);

  const sizesFor = (warm: readonly number[], runMs: LoadOutput['runMs']): readonly number[] => {
    if (preferredBatchSizes.length > 0) return warm;
    if (engine.padsBatches) return worthwhileSizes(warm, runMs);
    // A CPU is shared: which sizes are worth it shows under load, and the scheduler tries them there (`Speed.due`).
    const small = warm.filter((size) => size <= LARGEST_ON_CPU);
    return small.length > 0 ? small : warm.slice(0, 1);
  };

  const learn = (bundle: Bundle, { loadMs, warmUpMs, runMs, failed }: LoadOutput): void => {
    const limit = failed?.batchSize ?? Number.POSITIVE_INFINITY;
    const warm = allowed(bundle).filter((size) => size < limit);
    const preferred = sizesFor(warm, runMs);
    sizes.set(bundle, { preferred, warm });
    loadTimes.set(bundle.id, loadMs + warmUpMs);
    speed.loaded(bundle);
    const [width, height] = bundle.manifest.size.native;
    for (const direction of bundle.directions.keys()) {
      for (const run of runMs) {
        speed.record({ bundle, direction, width, height }, run.batchSize, run.milliseconds);
      }
    }
    metrics.bundleLoaded(engine.id, bundle.id, loadMs + warmUpMs);
    const entry = { bundle: bundle.id, device: engine.id };
    if (failed !== undefined) logger.warn({ ...entry, ...failed }, 'batch size left out');
    logger.info({ ...entry, loadMs, warmUpMs, runMs, preferredBatchSizes: preferred }, 'bundle loaded');
  };

  const residency = new Residency(engine, {
    batchSizes: allowed,
    verify: options.verify,
    onLoaded: learn,
    onFailed: (bundle, reason) =>
      logger.error({ bundle: bundle.id, device: engine.id, reason }, 'bundle not loaded'),
    onMultiplied(bundle, reason) {
      const entry = { bundle: bundle.id, device: engine.id };
      if (reason === undefined) logger.info({ ...entry, instances: engine.maxInstances }, 'instances loaded');
      else logger.warn({ ...entry, reason }, 'instances not loaded');
    },
    onGivenBack: (bundle) => logger.info({ bundle: bundle.id, device: engine.id }, 'instances given back'),
    onUnloaded: (bundle) => logger.info({ bundle: bundle.id, device: engine.id }, 'bundle unloaded'),
  });
  return new DeviceScheduler(engine, residency, speed, {
    maxBatchSize,
    maxQueueDelayMs: options.maxQueueDelayMs,
    agingMs: options.agingMs,
    preferredSizes: (bundle) => sizes.get(bundle)?.preferred ?? allowed(bundle),
    warmSizes: (bundle) => sizes.get(bundle)?.warm ?? allowed(bundle),
    observer: {
      batchDone: (event) => metrics.batchDone(event),
      engineRestarted: (device) => metrics.engineRestarted(device),
      batchFailed(event) {
        logger.warn(event, 'batch failed');
        metrics.batchFailed(event);
      },
    },
  });
}
