/** The next batch of a device: who rides in it, on which of the bundle's instances it runs, at which size, and when. */
import type { Bundle } from '../bundles/bundle.js';
import type { Engine } from '../engine/engine.js';
import { chooseBatchSize, padUp, sizesAt } from './batch-size.js';
import type { BatchingQueue } from './batching-queue.js';
import { waitBeforeHandOver } from './hand-over.js';
import { hasSuspect, type InFlight } from './in-flight.js';
import { type PendingJob, samplesOf } from './pending-job.js';
import type { Speed } from './speed.js';

export interface TurnOptions {
  maxBatchSize: number;
  maxQueueDelayMs: number;
  /** Batch sizes of a bundle worth running on this device, ascending. */
  preferredSizes(bundle: Bundle): readonly number[];
  /** All sizes it was warmed up at, ascending: what a batch is padded to where the device must not see others. */
  warmSizes(bundle: Bundle): readonly number[];
}

/** A device as it is when a batch is due. */
export interface DeviceNow {
  engine: Engine;
  queue: BatchingQueue<PendingJob>;
  /** Oldest first. */
  inFlight: readonly InFlight[];
  /** Of runs on the whole device, and on an instance's share of it. */
  speed: Speed;
  shareSpeed: Speed;
  now: number;
}

export interface Turn {
  jobs: PendingJob[];
  runSize: number;
  expectedMs: number;
  instance: number;
  /** How much of the device the run takes: 1, or about an instance's part of its threads. */
  share: number;
  /** Milliseconds until it may go; infinite: not before a batch in flight has landed. */
  waitMs: number;
}

/** Trying a batch size out to learn its speed may take this long, not more: its samples wait for each other. */
const LONGEST_TRIAL_MS = 2_000;

/**
 * The turn of `leader`, who is first in the queue and whose bundle is loaded.
 *
 * Runs side by side on a share of the threads each make the most pictures, but only while every share has one: a share
 * without is idle, and one on the whole device is done sooner.
 */
export function nextTurn(leader: PendingJob, device: DeviceNow, options: TurnOptions): Turn {
  const instances = device.engine.instances(leader.request.bundle.id);
  const shared = instances > 0 && mayShare(options) && fillsShares(leader, instances, device);
  return shared ? turnOnShare(leader, instances, device, options) : turnOnWhole(leader, device, options);
}

/** Whether so many wait that instances of the leader's bundle, which it does not have yet, would be put to use. */
export function wantsInstances(leader: PendingJob, device: DeviceNow, options: TurnOptions): boolean {
  const { engine, queue, inFlight } = device;
  if (!mayShare(options) || engine.maxInstances === 0) return false;
  if (engine.instances(leader.request.bundle.id) > 0) return false;
  // A suspect shares the engine with nobody, nor with a load.
  if (leader.alone || hasSuspect(inFlight)) return false;
  let waiting = 0;
  for (const job of queue.jobs()) {
    if (job.request.bundle.id === leader.request.bundle.id && isOnePicture(job)) waiting++;
  }
  return waiting >= engine.maxInstances;
}

/** Who sets a queue delay wants full batches. */
function mayShare({ maxQueueDelayMs }: TurnOptions): boolean {
  return maxQueueDelayMs === 0;
}

function fillsShares(leader: PendingJob, instances: number, { engine, queue, inFlight }: DeviceNow): boolean {
  if (!isOnePicture(leader)) return false;
  let pictures = inFlight.filter(({ instance, running }) => instance > 0 && running).length;
  for (const job of queue.jobs()) {
    if (isOnePicture(job) && engine.instances(job.request.bundle.id) > 0) pictures++;
  }
  return pictures >= instances;
}

/** Variations of one picture are a batch by themselves; a suspect runs with nobody beside it. */
function isOnePicture(job: PendingJob): boolean {
  return job.count === 1 && !job.alone;
}

function isNative({ request }: PendingJob): boolean {
  const [width, height] = request.bundle.manifest.size.native;
  return request.width === width && request.height === height;
}

/** Batch sizes worth running at the size of the leader's pictures, ascending, at least one. */
function preferredAt({ request }: PendingJob, options: TurnOptions): number[] {
  const { bundle } = request;
  const allowed = options.preferredSizes(bundle).filter((size) => size <= options.maxBatchSize);
  return sizesAt(allowed, bundle.manifest.size.native, request);
}

function turnOnWhole(leader: PendingJob, device: DeviceNow, options: TurnOptions): Turn {
  const { engine, queue, inFlight, speed, now } = device;
  const { maxBatchSize, maxQueueDelayMs } = options;
  const { bundle } = leader.request;
  const preferred = preferredAt(leader, options);
  // What padding adds takes memory too: a large picture is not padded to a size that only small ones may run at.
  const padTo = sizesAt(options.warmSizes(bundle), bundle.manifest.size.native, leader.request);
  const runSize = (samples: number): number => (engine.padsBatches ? padUp(samples, padTo) : samples);
  const expectedMs = (size: number): number => speed.batchMs(leader.request, size);
  const available = samplesOf(queue.companions(leader, maxBatchSize, now));
  const possible = preferred.filter((size) => size <= available && expectedMs(size) <= LONGEST_TRIAL_MS);
  // An engine that pads has run every batch size at load, on a device that nothing else slows down.
  const isKnown = engine.padsBatches && isNative(leader);
  const due = isKnown ? undefined : speed.due(leader.request, possible);
  const wanted = due ?? chooseBatchSize(available, preferred, runSize, expectedMs);
  const jobs = queue.companions(leader, Math.max(wanted, leader.count), now);
  const samples = samplesOf(jobs);
  const size = runSize(samples);
  const full = samples >= (preferred.at(-1) ?? 1);
  return {
    jobs,
    runSize: size,
    expectedMs: expectedMs(size),
    instance: 0,
    share: 1,
    waitMs: waitBeforeHandOver(leader, jobs, 0, inFlight, full ? 0 : maxQueueDelayMs, now),
  };
}

/** At the smallest size: what a larger one would spare, running side by side spares. */
function turnOnShare(leader: PendingJob, instances: number, device: DeviceNow, options: TurnOptions): Turn {
  const { queue, inFlight, speed, shareSpeed, now } = device;
  const { request } = leader;
  const smallest = preferredAt(leader, options)[0] ?? 1;
  const jobs = queue.companions(leader, smallest, now).filter(isOnePicture);
  const samples = samplesOf(jobs);
  // One that has nothing to do before one that is about to be free, which may be late.
  let first = { instance: 1, waitMs: Number.POSITIVE_INFINITY, idle: false };
  for (let instance = 1; instance <= instances; instance++) {
    const waitMs = waitBeforeHandOver(leader, jobs, instance, inFlight, 0, now);
    const idle = !inFlight.some((batch) => batch.instance === instance);
    if (waitMs < first.waitMs || (waitMs === first.waitMs && idle && !first.idle)) {
      first = { instance, waitMs, idle };
    }
  }
  return {
    jobs,
    runSize: samples,
    expectedMs: shareMs(speed, shareSpeed, request, instances, samples),
    instance: first.instance,
    share: 1 / instances,
    waitMs: first.waitMs,
  };
}

/** Expected milliseconds of a run on a share: measured, or as if threads were all that counted. */
export function shareMs(
  speed: Speed,
  shareSpeed: Speed,
  shape: PendingJob['request'],
  instances: number,
  samples: number,
): number {
  return shareSpeed.isMeasured(shape)
    ? shareSpeed.batchMs(shape, samples)
    : speed.sampleMs(shape) * samples * instances;
}
