/** A job on its way: in a queue or on a device, settled exactly once. */
import { patienceUntil } from '../give-up.js';
import { batchKey, type JobRequest, type JobResult } from './job.js';

/** The load that a job waited for showed that its samples have no room together: they are to be asked for in parts. */
export class TooManyTogetherError extends Error {}

export class PendingJob {
  readonly request: JobRequest;
  readonly key: string;
  readonly count: number;
  readonly enqueuedAt: number;
  /** Times a device failed, or died, running this job. */
  failures = 0;
  /** What it is told instead of being tried again, once another bundle has taken the place of its own. */
  replaced: Error | undefined;
  /** Ids of the devices that could not load its bundle: none is asked twice. */
  readonly refusedBy = new Set<string>();
  readonly result: Promise<JobResult>;
  #resolve!: (result: JobResult) => void;
  #reject!: (error: Error) => void;
  #settled = false;
  readonly #cleanUp: () => void;

  /**
   * @param now milliseconds on the clock of `deadlineAt`
   * @param onGone called when the job is settled from outside, by its deadline or its AbortSignal
   */
  constructor(request: JobRequest, now: number, onGone: (job: PendingJob) => void) {
    this.request = request;
    this.key = batchKey(request);
    this.count = request.samples.length;
    this.enqueuedAt = now;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal, end } = patienceUntil(request.deadlineAt, request.signal);
    this.#cleanUp = end;
    const giveUp = (): void => {
      if (this.#settled) return;
      this.reject(signal.reason);
      onGone(this);
    };
    if (signal.aborted) queueMicrotask(giveUp);
    else signal.addEventListener('abort', giveUp, { once: true });
  }

  get priority(): JobRequest['priority'] {
    return this.request.priority;
  }

  get client(): string {
    return this.request.client;
  }

  /** A job that was in a failed batch runs alone: if it fails again, it and nobody else was the cause. */
  get alone(): boolean {
    return this.failures > 0;
  }

  get settled(): boolean {
    return this.#settled;
  }

  resolve(result: JobResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cleanUp();
    this.#resolve(result);
  }

  reject(error: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cleanUp();
    this.#reject(error);
  }
}

export function samplesOf(jobs: readonly PendingJob[]): number {
  return jobs.reduce((sum, job) => sum + job.count, 0);
}
