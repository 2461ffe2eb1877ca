/**
 * The queue of one device, and nothing else: who waits, and who goes next together. It knows no clock, no device.
 *
 * Order: first what waited `agingMs` and whose client had no turn in that time, by arrival; then the more urgent; among
 * them start-time fair between clients (Goyal et al., "Start-time fair queueing", SIGCOMM 1996: a client's next job is
 * stamped behind its last one, so that whoever asks for much waits for those who ask for little); then by arrival. So
 * nobody starves: those who come later, however urgent and however many clients they are, cannot pass a client that
 * waited so long for a turn.
 */
import type { Priority } from '../request.js';

export interface Queueable {
  /** Jobs of one key may share a batch. */
  readonly key: string;
  /** Samples: what a job takes of a batch, and what its client is charged. */
  readonly count: number;
  readonly priority: Priority;
  readonly client: string;
  /** Milliseconds on the caller's clock. */
  readonly enqueuedAt: number;
  /** Shares its batch with nobody: it is suspected of having brought an engine down. */
  readonly alone: boolean;
}

interface Waiting<J> {
  job: J;
  /** Virtual start time of the job. */
  tag: number;
  arrival: number;
}

export class BatchingQueue<J extends Queueable> {
  readonly #agingMs: number;
  readonly #waiting = new Map<J, Waiting<J>>();
  /** Virtual time at which each client's next job may start. */
  readonly #clientTimes = new Map<string, number>();
  /** When each client last had a turn, for as long as it matters. */
  readonly #lastTurns = new Map<string, number>();
  #virtualTime = 0;
  #arrivals = 0;
  #samples = 0;

  constructor(agingMs: number) {
    this.#agingMs = agingMs;
  }

  /** Jobs waiting. */
  get length(): number {
    return this.#waiting.size;
  }

  /** Samples waiting. */
  get samples(): number {
    return this.#samples;
  }

  jobs(): IterableIterator<J> {
    return this.#waiting.keys();
  }

  push(job: J): void {
    const tag = Math.max(this.#virtualTime, this.#clientTimes.get(job.client) ?? 0);
    this.#clientTimes.set(job.client, tag + job.count);
    this.#waiting.set(job, { job, tag, arrival: this.#arrivals++ });
    this.#samples += job.count;
  }

  /** Puts back a job that was taken, before all whose clients do not starve: its client has paid for it already. */
  unshift(job: J): void {
    this.#waiting.set(job, { job, tag: Number.NEGATIVE_INFINITY, arrival: this.#arrivals++ });
    this.#samples += job.count;
  }

  /**
   * Takes a job out that will not run: its client gets back what it was charged.
   * @returns whether the job was waiting
   */
  remove(job: J): boolean {
    const time = this.#clientTimes.get(job.client);
    if (!this.#delete(job)) return false;
    if (time !== undefined) this.#clientTimes.set(job.client, time - job.count);
    return true;
  }

  /** Whether a job, in the queue or taken from it, goes before the normal ones. */
  isUrgent(job: J, now: number): boolean {
    return job.priority === 'interactive' || this.#isAged(job, now);
  }

  /** The job that goes next among those `eligible`. */
  first(now: number, eligible: (job: J) => boolean = () => true): J | undefined {
    let best: Waiting<J> | undefined;
    for (const waiting of this.#waiting.values()) {
      if (eligible(waiting.job) && (best === undefined || this.#before(waiting, best, now))) best = waiting;
    }
    return best?.job;
  }

  /** `leader` and those that may ride with it, in order, up to `maxSamples`; they stay in the queue. */
  companions(leader: J, maxSamples: number, now: number): J[] {
    if (leader.alone) return [leader];
    const riders = [...this.#waiting.values()]
      .filter(({ job }) => job !== leader && job.key === leader.key && !job.alone)
      .sort((a, b) => (this.#before(a, b, now) ? -1 : 1));
    const batch = [leader];
    let room = maxSamples - leader.count;
    for (const { job } of riders) {
      if (job.count > room) continue;
      batch.push(job);
      room -= job.count;
    }
    return batch;
  }

  /** Takes the jobs out and moves virtual time on to them. */
  take(jobs: readonly J[], now: number): void {
    for (const { client } of jobs) this.#lastTurns.set(client, now);
    for (const [client, at] of this.#lastTurns) {
      // As if it had never had one: forgotten, or the map grows for ever.
      if (now - at >= this.#agingMs) this.#lastTurns.delete(client);
    }
    for (const job of jobs) {
      const waiting = this.#waiting.get(job);
      if (waiting === undefined) continue;
      this.#virtualTime = Math.max(this.#virtualTime, waiting.tag);
      this.#delete(job);
    }
    // A client whose credit lies behind virtual time is like one never seen: forget it, or the map grows for ever.
    for (const [client, time] of this.#clientTimes) {
      if (time <= this.#virtualTime) this.#clientTimes.delete(client);
    }
    if (this.#waiting.size === 0) this.#clientTimes.clear();
  }

  #delete(job: J): boolean {
    if (!this.#waiting.delete(job)) return false;
    this.#samples -= job.count;
    return true;
  }

  /** A client that has its turns does not starve, however long its many jobs wait. */
  #starves(job: J, now: number): boolean {
    const lastTurn = this.#lastTurns.get(job.client) ?? Number.NEGATIVE_INFINITY;
    return this.#isAged(job, now) && now - lastTurn >= this.#agingMs;
  }

  #isAged(job: J, now: number): boolean {
    return now - job.enqueuedAt >= this.#agingMs;
  }

  #before(a: Waiting<J>, b: Waiting<J>, now: number): boolean {
    const starves = this.#starves(a.job, now);
    if (starves !== this.#starves(b.job, now)) return starves;
    // Fair tags do not age: a client never seen before would go first, and there is always another one.
    if (starves && a.job.enqueuedAt !== b.job.enqueuedAt) return a.job.enqueuedAt < b.job.enqueuedAt;
    const urgent = this.isUrgent(a.job, now);
    if (urgent !== this.isUrgent(b.job, now)) return urgent;
    if (a.tag !== b.tag) return a.tag < b.tag;
    return a.arrival < b.arrival;
  }
}
