/** The image workers: a few threads that start when they are first needed and end on `close`. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { compiledEntry } from '../compiled-entry.js';
import { Img2ImgError } from '../errors.js';
import {
  type Answer,
  errorFromMessage,
  type ImageJob,
  type ImageJobResults,
  isLong,
  toMessage,
} from './jobs.js';
import { type JobOwner, type WaitingJob, WaitingJobs } from './waiting-jobs.js';

interface Waiting extends WaitingJob {
  readonly job: ImageJob;
  readonly resolve: (result: never) => void;
  readonly reject: (reason: unknown) => void;
}

interface Member {
  readonly worker: Worker;
  /** The job it runs; none while idle. */
  busy: Waiting | undefined;
}

export interface ImageWorkersOptions {
  /** Most threads; default: as many as cores, but at least 2, and no more than 4, because devices want cores too. */
  readonly size?: number;
  /** The compiled file the threads run; default: ours. */
  readonly entry?: URL;
}

export interface ImageJobOptions extends JobOwner {
  readonly signal?: AbortSignal | undefined;
}

export class ImageWorkers {
  readonly #size: number;
  readonly #entry: URL;
  readonly #members = new Set<Member>();
  readonly #waiting = new WaitingJobs<Waiting>();
  #closed = false;

  constructor(options: ImageWorkersOptions = {}) {
    this.#size = options.size ?? Math.min(4, Math.max(2, availableParallelism()));
    this.#entry = options.entry ?? compiledEntry('images/worker.js');
  }

  /** Threads alive now. */
  get running(): number {
    return this.#members.size;
  }

  /**
   * Runs a job in the first thread that is free, when it is its turn. Its bytes are copied; what comes back is handed over.
   *
   * An abort rejects with the signal's reason at once: a job that waits is not begun, one that runs is no longer waited for.
   */
  run<J extends ImageJob>(
    job: J,
    { priority, client, signal }: ImageJobOptions,
  ): Promise<ImageJobResults[J['task']]> {
    let leave = () => {};
    const result = new Promise<ImageJobResults[J['task']]>((resolve, reject) => {
      if (this.#closed) throw closedError();
      signal?.throwIfAborted();
      const since = performance.now();
      const waiting: Waiting = { job, priority, client, long: isLong(job), since, resolve, reject };
      leave = () => {
        this.#waiting.remove(waiting);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.add(waiting);
      this.#dispatch();
    });
    return result.finally(() => signal?.removeEventListener('abort', leave));
  }

  /** Ends the threads; jobs that have not ended fail. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiting of this.#waiting.clear()) waiting.reject(closedError());
    await Promise.all([...this.#members].map((member) => member.worker.terminate()));
  }

  #dispatch(): void {
    for (;;) {
      if (this.#busy() >= this.#size) return;
      const next = this.#waiting.take(this.#longMayGo(), performance.now());
      if (next === undefined) return;
      const member = this.#idle() ?? this.#start();
      member.busy = next;
      // An idle thread must not keep a process alive that has nothing else to do.
      member.worker.ref();
      try {
        const { message, owned } = toMessage(next.job);
        member.worker.postMessage(message, owned);
      } catch (error) {
        this.#settle(member, () => next.reject(error));
      }
    }
  }

  #busy(): number {
    return [...this.#members].filter(({ busy }) => busy !== undefined).length;
  }

  /** The last thread is kept free of long jobs: live frames are decoded there meanwhile. */
  #longMayGo(): boolean {
    const long = [...this.#members].filter(({ busy }) => busy?.long).length;
    return long < Math.max(1, this.#size - 1);
  }

  #idle(): Member | undefined {
    return [...this.#members].find(({ busy }) => busy === undefined);
  }

  #start(): Member {
    const worker = new Worker(this.#entry);
    const member: Member = { worker, busy: undefined };
    this.#members.add(member);
    worker.on('message', (answer: Answer) => {
      const { busy } = member;
      this.#settle(member, () => {
        if ('error' in answer) busy?.reject(errorFromMessage(answer.error));
        else busy?.resolve(answer.result as never);
      });
      this.#dispatch();
    });
    let fault: unknown = new Error('the image worker ended');
    worker.on('error', (error) => {
      fault = error;
    });
    worker.on('exit', () => {
      this.#members.delete(member);
      member.busy?.reject(fault);
      member.busy = undefined;
      if (!this.#closed) this.#dispatch();
    });
    return member;
  }

  #settle(member: Member, tell: () => void): void {
    member.busy = undefined;
    member.worker.unref();
    tell();
  }
}

function closedError(): Img2ImgError {
  return new Img2ImgError('draining', 'The server is shutting down.');
}
