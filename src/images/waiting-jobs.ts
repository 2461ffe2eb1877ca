/** The image jobs that wait for a thread, and whose turn is next. */
import { LRUCache } from 'lru-cache';
import type { Priority } from '../request.js';

/** Whose a job is: what decides when it runs. */
export interface JobOwner {
  readonly priority: Priority;
  /** Whom fairness counts it for: an address, a connection. */
  readonly client: string;
}

export interface WaitingJob extends JobOwner {
  /** Whether it may keep its thread for seconds. */
  readonly long: boolean;
  /** When it came, in milliseconds. */
  readonly since: number;
}

/** A normal job that waited so long counts as interactive, so that live frames alone cannot starve it. */
const AGING_MS = 2_000;
/** Clients whose last turn is remembered; one that is forgotten only goes first once more. */
const MAX_CLIENTS = 1_000;

export class WaitingJobs<T extends WaitingJob> {
  /** In order of arrival. */
  readonly #jobs: T[] = [];
  readonly #lastTurns = new LRUCache<string, number>({ max: MAX_CLIENTS });
  #turns = 0;

  add(job: T): void {
    this.#jobs.push(job);
  }

  /** Does nothing where it is not among them. */
  remove(job: T): void {
    const at = this.#jobs.indexOf(job);
    if (at >= 0) this.#jobs.splice(at, 1);
  }

  /** Takes all of them out. */
  clear(): T[] {
    return this.#jobs.splice(0);
  }

  /**
   * Takes the next one out: interactive before normal, then the client whose last turn is longest ago, then the oldest.
   * @param now on the clock of `since`
   * @returns undefined where none waits, or only long ones that may not go
   */
  take(longMayGo: boolean, now: number): T | undefined {
    let next: T | undefined;
    for (const job of this.#jobs) {
      if (job.long && !longMayGo) continue;
      if (next === undefined || this.#goesBefore(job, next, now)) next = job;
    }
    if (next === undefined) return undefined;
    this.remove(next);
    this.#lastTurns.set(next.client, ++this.#turns);
    return next;
  }

  #goesBefore(job: T, older: T, now: number): boolean {
    const [urgent, olderUrgent] = [isUrgent(job, now), isUrgent(older, now)];
    if (urgent !== olderUrgent) return urgent;
    return (this.#lastTurns.get(job.client) ?? 0) < (this.#lastTurns.get(older.client) ?? 0);
  }
}

const isUrgent = ({ priority, since }: WaitingJob, now: number): boolean =>
  priority === 'interactive' || now - since > AGING_MS;
