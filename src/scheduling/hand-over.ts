/** When the next batch goes to the engine: at once to an idle one, else just in time for the end of what runs. */
import { type PendingJob, samplesOf } from './pending-job.js';

/** A batch that an engine has. */
export interface InFlight {
  jobs: PendingJob[];
  /** False while it waits in the engine behind another batch. */
  running: boolean;
  startedAt: number;
  expectedMs: number;
}

/** Handing over takes this long, and this much longer a megabyte (measured: npm run bench -- transport). */
const HAND_OVER_MS = 10;
const HAND_OVER_MS_PER_MB = 4;

/**
 * @param inFlight what the engine has, oldest first; it takes one batch more than the one it runs
 * @param maxQueueDelayMs how long an idle engine may wait for this batch to fill
 * @returns milliseconds until the batch may go; infinite: not before a batch in flight has landed
 */
export function waitBeforeHandOver(
  leader: PendingJob,
  jobs: readonly PendingJob[],
  inFlight: readonly InFlight[],
  maxQueueDelayMs: number,
  now: number,
): number {
  const running = inFlight[0];
  if (running === undefined) return Math.max(0, leader.enqueuedAt + maxQueueDelayMs - now);
  if (inFlight.length > 1) return Number.POSITIVE_INFINITY;
  // A suspect shares the engine with nobody: if the engine dies, it must be clear of whom.
  if (leader.alone || running.jobs.some((job) => job.alone)) return Number.POSITIVE_INFINITY;
  const { width, height } = leader.request;
  const megabytes = (samplesOf(jobs) * width * height * 3) / 2 ** 20;
  const lead = HAND_OVER_MS + HAND_OVER_MS_PER_MB * megabytes;
  return Math.max(0, running.startedAt + running.expectedMs - lead - now);
}
