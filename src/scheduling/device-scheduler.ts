/**
 * Keeps one device busy: takes batches from its queue and hands them to its engine, the next while one runs.
 *
 * An idle device never waits (unless `maxQueueDelayMs` allows it). While a batch runs, the next is handed over as late
 * as the bytes need to arrive in time: until then its places stay open to whoever comes, and to the more urgent.
 */
import type { Bundle } from '../bundles/bundle.js';
import type { BundleResidency, Residency } from '../bundles/residency.js';
import type { Engine } from '../engine/engine.js';
import { EngineDiedError } from '../engine/engine-process.js';
import type { BatchOutput } from '../engine/protocol.js';
import { Img2ImgError, messageOf } from '../errors.js';
import { packBatch, unpackBatch } from './batch.js';
import { chooseBatchSize, padUp } from './batch-size.js';
import { BatchingQueue } from './batching-queue.js';
import { type InFlight, waitBeforeHandOver } from './hand-over.js';
import type { SchedulingObserver } from './observer.js';
import { type PendingJob, samplesOf } from './pending-job.js';
import type { Speed } from './speed.js';

export interface DeviceSchedulerOptions {
  maxBatchSize: number;
  maxQueueDelayMs: number;
  agingMs: number;
  /** Batch sizes of a bundle worth running on this device, ascending. */
  preferredSizes(bundle: Bundle): readonly number[];
  /** All sizes it was warmed up at, ascending: what a batch is padded to where the device must not see others. */
  warmSizes(bundle: Bundle): readonly number[];
  observer: SchedulingObserver;
}

/** Trying a batch size out to learn its speed may take this long, not more: its samples wait for each other. */
const LONGEST_TRIAL_MS = 2_000;

/** A job that brought a device down, or failed on it, this often is itself the cause. */
const MAX_FAILURES = 2;

export class DeviceScheduler {
  readonly engine: Engine;
  readonly residency: Residency;
  readonly speed: Speed;
  readonly #options: DeviceSchedulerOptions;
  readonly #queue: BatchingQueue<PendingJob>;
  /** Oldest first: the first one runs, a second one waits in the engine. */
  #inFlight: InFlight[] = [];
  #wakeTimer: NodeJS.Timeout | undefined;
  /** Bundles whose load, once ended, hands over what waits for it. */
  readonly #awaitedLoads = new Set<string>();
  #closed = false;

  constructor(engine: Engine, residency: Residency, speed: Speed, options: DeviceSchedulerOptions) {
    this.engine = engine;
    this.residency = residency;
    this.speed = speed;
    this.#options = options;
    this.#queue = new BatchingQueue(options.agingMs);
    engine.onRestart(() => this.#onRestart());
  }

  /** Samples waiting, not counting those handed to the engine. */
  get queued(): number {
    return this.#queue.samples;
  }

  submit(job: PendingJob): void {
    this.#queue.push(job);
    this.#pump();
  }

  /** The job was settled from outside: it must cost no device time any more. */
  forget(job: PendingJob): void {
    this.#queue.remove(job);
  }

  describe(bundleId: string): BundleResidency {
    return this.residency.describe(bundleId);
  }

  /** Bundles that jobs wait for here and that are not resident. */
  awaitedBundles(): Bundle[] {
    const bundles = new Set([...this.#queue.jobs()].map(({ request }) => request.bundle));
    return [...bundles].filter((bundle) => !this.residency.isLoaded(bundle.id));
  }

  /** Expected milliseconds until everything handed to this device is done, loads not counted. */
  backlogMs(now: number): number {
    let milliseconds = 0;
    this.#inFlight.forEach((batch, i) => {
      const elapsed = i === 0 ? now - batch.startedAt : 0;
      milliseconds += Math.max(0, batch.expectedMs - elapsed);
    });
    for (const job of this.#queue.jobs()) milliseconds += this.speed.sampleMs(job.request) * job.count;
    return milliseconds;
  }

  /** Refuses all that wait; what runs is left to the engine's own end. */
  close(error: Img2ImgError): void {
    this.#closed = true;
    clearTimeout(this.#wakeTimer);
    for (const job of [...this.#queue.jobs()]) {
      this.#queue.remove(job);
      job.reject(error);
    }
    for (const { jobs } of this.#inFlight) for (const job of jobs) job.reject(error);
  }

  /** Hands over what may be handed over now, and sees to it that it is called again when more may. */
  #pump(): void {
    clearTimeout(this.#wakeTimer);
    if (this.#closed || this.engine.state !== 'ready') return;
    const now = performance.now();
    const leader = this.#queue.first(now);
    if (leader === undefined) return;
    if (!this.residency.isLoaded(leader.request.bundle.id)) {
      this.#load(leader.request.bundle);
      // Others need not wait behind a load that is already under way.
      const other = this.#queue.first(now, (job) => this.residency.isLoaded(job.request.bundle.id));
      if (other !== undefined) this.#handOver(other, now);
      return;
    }
    this.#handOver(leader, now);
  }

  #handOver(leader: PendingJob, now: number): void {
    const { maxBatchSize, preferredSizes, warmSizes } = this.#options;
    const { bundle } = leader.request;
    const preferred = preferredSizes(bundle).filter((size) => size <= maxBatchSize);
    const runSize = (samples: number): number =>
      this.engine.padsBatches ? padUp(samples, warmSizes(bundle)) : samples;
    const expectedMs = (size: number): number => this.speed.batchMs(leader.request, size);
    const available = samplesOf(this.#queue.companions(leader, maxBatchSize, now));
    // An engine that pads has run every size at load, on a device that nothing else slows down.
    const possible = preferred.filter((size) => size <= available && expectedMs(size) <= LONGEST_TRIAL_MS);
    const due = this.engine.padsBatches ? undefined : this.speed.due(leader.request, possible);
    const wanted = due ?? chooseBatchSize(available, preferred, runSize, expectedMs);
    const jobs = this.#queue.companions(leader, Math.max(wanted, leader.count), now);
    const samples = samplesOf(jobs);

    const full = samples >= (preferred.at(-1) ?? 1);
    const waitMs = waitBeforeHandOver(
      leader,
      jobs,
      this.#inFlight,
      full ? 0 : this.#options.maxQueueDelayMs,
      now,
    );
    if (waitMs > 0) {
      if (Number.isFinite(waitMs)) this.#wakeTimer = setTimeout(() => this.#pump(), waitMs);
      return;
    }
    this.#queue.take(jobs);
    this.residency.touch(bundle.id);
    const size = runSize(samples);
    void this.#run(jobs, size, {
      jobs,
      running: this.#inFlight.length === 0,
      startedAt: now,
      expectedMs: expectedMs(size),
    });
    this.#pump();
  }

  async #run(jobs: PendingJob[], runSize: number, flight: InFlight): Promise<void> {
    this.#inFlight.push(flight);
    try {
      const output = await this.engine.run(packBatch(jobs, runSize));
      this.#land(flight);
      this.#finish(jobs, runSize, output);
    } catch (error) {
      this.#fail(flight, error);
      this.#land(flight);
    }
    this.#pump();
  }

  #land(flight: InFlight): void {
    this.#inFlight = this.#inFlight.filter((other) => other !== flight);
    const next = this.#inFlight[0];
    // A dead engine runs nothing: what waited in it behind the landed batch never started.
    if (next === undefined || next.running || this.engine.state !== 'ready') return;
    next.running = true;
    next.startedAt = performance.now();
  }

  #finish(jobs: readonly PendingJob[], runSize: number, output: BatchOutput): void {
    const now = performance.now();
    const { id: device } = this.engine;
    const batchSize = samplesOf(jobs);
    const first = jobs[0];
    if (first !== undefined) this.speed.record(first.request, runSize, output.runMs);
    const pictures = unpackBatch(jobs, output);
    const queueMs = jobs.map((job) => Math.max(0, now - job.enqueuedAt - output.runMs));
    jobs.forEach((job, i) => {
      job.resolve({
        images: pictures[i] ?? [],
        device,
        batchSize,
        queueMs: queueMs[i] ?? 0,
        inferenceMs: output.runMs,
      });
    });
    this.#options.observer.batchDone({
      device,
      bundle: first?.request.bundle.id ?? '',
      batchSize,
      runSize,
      queueMs,
      inferenceMs: output.runMs,
      embeddingHits: output.embeddingHits,
      embeddingMisses: output.embeddingMisses,
    });
  }

  /** Jobs of a failed batch go again, each alone; a job that failed alone is told so. */
  #fail({ jobs, running }: InFlight, error: unknown): void {
    const died = error instanceof EngineDiedError;
    for (const job of jobs) {
      if (job.settled) continue;
      // A batch that only waited in the engine when it died is innocent.
      if (running || !died) job.failures++;
      const last = job.failures >= MAX_FAILURES || (!died && jobs.length === 1);
      if (last || this.#closed) job.reject(failure(error, this.engine.id));
      else this.#queue.unshift(job);
    }
    this.#options.observer.batchFailed({
      device: this.engine.id,
      reason: messageOf(error),
      jobs: jobs.length,
    });
  }

  #load(bundle: Bundle): void {
    // Whoever began the load (preloading, POST …/load): those who wait for it here must be told of its end.
    if (this.#awaitedLoads.has(bundle.id)) return;
    this.#awaitedLoads.add(bundle.id);
    this.residency.ensure(bundle).then(
      () => {
        this.#awaitedLoads.delete(bundle.id);
        this.#pump();
      },
      (error) => {
        this.#awaitedLoads.delete(bundle.id);
        this.#refuse(bundle, error);
        this.#pump();
      },
    );
  }

  #refuse(bundle: Bundle, error: Error): void {
    for (const job of [...this.#queue.jobs()]) {
      if (job.request.bundle.id !== bundle.id) continue;
      this.#queue.remove(job);
      job.reject(error);
    }
  }

  #onRestart(): void {
    const lost = this.residency.reset();
    this.#options.observer.engineRestarted(this.engine.id);
    this.engine.ready().then(
      () => {
        // What was resident when it died is wanted again, asked for or not.
        for (const bundle of lost) this.#load(bundle);
        this.#pump();
      },
      () => undefined,
    );
  }
}

function failure(error: unknown, device: string): Img2ImgError {
  const reason = messageOf(error);
  return new Img2ImgError('inference_failed', `The picture could not be made on ${device}: ${reason}`, {
    details: { device },
    cause: error,
  });
}
