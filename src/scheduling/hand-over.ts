/** When the next batch goes to the engine: at once to an idle one, else just in time for the end of what runs. */
import { hasSuspect, type InFlight } from './in-flight.js';
import { type PendingJob, samplesOf } from './pending-job.js';

/** Handing over takes this long, and this much longer a megabyte (measured: npm run bench -- transport). */
const HAND_OVER_MS = 10;
const HAND_OVER_MS_PER_MB = 4;

/**
 * @param instance where the batch is to run
 * @param inFlight what the engine has; each instance takes one batch more than the one it runs
 * @param maxQueueDelayMs how long an idle engine may wait for this batch to fill
 * @returns milliseconds until the batch may go; infinite: not before a batch in flight has landed
 */
export function waitBeforeHandOver(
  leader: PendingJob,
  jobs: readonly PendingJob[],
  instance: number,
  inFlight: readonly InFlight[],
  maxQueueDelayMs: number,
  now: number,
): number {
  if (inFlight.length === 0) return Math.max(0, leader.enqueuedAt + maxQueueDelayMs - now);
  // A suspect shares the engine with nobody: if the engine dies, it must be clear of whom.
  if (leader.alone || hasSuspect(inFlight)) return Number.POSITIVE_INFINITY;
  const { width, height } = leader.request;
  const megabytes = (samplesOf(jobs) * width * height * 3) / 2 ** 20;
  const lead = HAND_OVER_MS + HAND_OVER_MS_PER_MB * megabytes;
  // A run on the whole device and one on a share of it would take each other's cores. (Of one instance the engine runs
  // one batch at a time, however early the next one comes.)
  if (inFlight.some((batch) => (batch.instance === 0) !== (instance === 0))) return Number.POSITIVE_INFINITY;
  const [running, ...waiting] = inFlight.filter((batch) => batch.instance === instance);
  if (running === undefined) return 0;
  if (waiting.length > 0) return Number.POSITIVE_INFINITY;
  return Math.max(0, running.startedAt + running.expectedMs - lead - now);
}
