/** Has one device's engine run batches, and sees to what becomes of their jobs: pictures, another try, or an error. */
import type { Residency } from '../bundles/residency.js';
import type { Engine } from '../engine/engine.js';
import type { BatchOutput } from '../engine/protocol.js';
import { messageOf } from '../errors.js';
import { packBatch } from './batch.js';
import { type InFlight, InFlightBatches } from './in-flight.js';
import type { SchedulingObserver } from './observer.js';
import { deliver, failure, mayTryAgain } from './outcome.js';
import type { PendingJob } from './pending-job.js';
import type { Speed } from './speed.js';

export interface BatchRunsOptions {
  /** Of runs on the whole device, and on an instance's share of it. */
  speed: Speed;
  shareSpeed: Speed;
  observer: SchedulingObserver;
  /** Told of every job that is to go again, alone. */
  onTryAgain(job: PendingJob): void;
}

export class BatchRuns {
  readonly #engine: Engine;
  readonly #residency: Residency;
  readonly #options: BatchRunsOptions;
  readonly #inFlight = new InFlightBatches();

  constructor(engine: Engine, residency: Residency, options: BatchRunsOptions) {
    this.#engine = engine;
    this.#residency = residency;
    this.#options = options;
  }

  /** What the engine has, oldest first. */
  get inFlight(): readonly InFlight[] {
    return this.#inFlight.all;
  }

  /** Expected milliseconds until all of it has landed. */
  remainingMs(now: number): number {
    return this.#inFlight.remainingMs(now);
  }

  /** Hands a batch to the engine; resolves when it has landed, whatever became of it. */
  async run(batch: Omit<InFlight, 'running'>, runSize: number): Promise<void> {
    this.#touchBundle(batch);
    const flight = this.#inFlight.add(batch);
    try {
      const output = await this.#engine.run(packBatch(flight.jobs, runSize), flight.instance);
      this.#land(flight);
      this.#finish(flight, runSize, output);
    } catch (error) {
      this.#fail(flight, error);
      this.#land(flight);
    }
  }

  #land(flight: InFlight): void {
    this.#inFlight.land(flight, this.#engine.state === 'ready');
    this.#touchBundle(flight);
  }

  #touchBundle({ jobs: [first], instance }: Omit<InFlight, 'running'>): void {
    if (first !== undefined) this.#residency.touch(first.request.bundle.id, instance);
  }

  #finish(flight: InFlight, runSize: number, output: BatchOutput): void {
    const [first] = flight.jobs;
    const speed = flight.share < 1 ? this.#options.shareSpeed : this.#options.speed;
    if (first === undefined) return;
    if (this.#engine.padsBatches) speed.recordUnlessFirst(first.request, runSize, output.runMs);
    else speed.record(first.request, runSize, output.runMs);
    this.#options.observer.batchDone(deliver(flight, runSize, output, this.#engine.id));
  }

  /** Jobs of a failed batch go again, each alone; a job that failed alone is told so. */
  #fail(flight: InFlight, error: unknown): void {
    for (const job of flight.jobs) {
      if (job.settled) continue;
      if (!mayTryAgain(job, flight, error)) job.reject(failure(error, this.#engine.id));
      else if (job.replaced !== undefined) job.reject(job.replaced);
      else this.#options.onTryAgain(job);
    }
    this.#options.observer.batchFailed({
      device: this.#engine.id,
      reason: messageOf(error),
      jobs: flight.jobs.length,
    });
  }
}
