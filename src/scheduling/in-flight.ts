/** The batches that an engine has: those it runs, and those that wait in it behind them. */
import type { PendingJob } from './pending-job.js';

/** One of them. */
export interface InFlight {
  jobs: PendingJob[];
  /** Where it runs: 0 is the whole device, the others a share of it each, side by side. */
  instance: number;
  share: number;
  /** False while it waits in the engine behind another batch. */
  running: boolean;
  startedAt: number;
  expectedMs: number;
}

/** Whether the engine has a job that failed before, and must have it alone. */
export function hasSuspect(inFlight: readonly InFlight[]): boolean {
  return inFlight.some(({ jobs }) => jobs.some((job) => job.alone));
}

export class InFlightBatches {
  /** Oldest first: of each instance the first one runs, a second one waits in the engine. */
  #batches: readonly InFlight[] = [];

  get all(): readonly InFlight[] {
    return this.#batches;
  }

  add(batch: Omit<InFlight, 'running'>): InFlight {
    const running = !this.#batches.some(({ instance }) => instance === batch.instance);
    const added = { ...batch, running };
    this.#batches = [...this.#batches, added];
    return added;
  }

  /** @param engineLives a dead engine runs nothing: what waited in it behind the landed batch never started */
  land(batch: InFlight, engineLives: boolean): void {
    this.#batches = this.#batches.filter((other) => other !== batch);
    const next = this.#batches.find(({ instance }) => instance === batch.instance);
    if (next === undefined || next.running || !engineLives) return;
    next.running = true;
    next.startedAt = performance.now();
  }

  /** Expected milliseconds until all of them have landed. */
  remainingMs(now: number): number {
    const ends = new Map<number, number>();
    for (const { instance, running, startedAt, expectedMs } of this.#batches) {
      const elapsed = running ? now - startedAt : 0;
      ends.set(instance, (ends.get(instance) ?? 0) + Math.max(0, expectedMs - elapsed));
    }
    return Math.max(0, ...ends.values());
  }
}
