/** What becomes of a batch's jobs when it has ended: their pictures, another try, or an error. */
import { EngineDiedError } from '../engine/engine-process.js';
import type { BatchOutput } from '../engine/protocol.js';
import { Img2ImgError, messageOf } from '../errors.js';
import { unpackBatch } from './batch.js';
import type { InFlight } from './in-flight.js';
import type { BatchEvent } from './observer.js';
import { type PendingJob, samplesOf } from './pending-job.js';

/** A job that brought a device down, or failed on it, this often is itself the cause. */
const MAX_FAILURES = 2;

/** Gives the jobs of a batch their pictures. @returns what there is to measure of it */
export function deliver(
  { jobs, share }: InFlight,
  runSize: number,
  output: BatchOutput,
  device: string,
): BatchEvent {
  const now = performance.now();
  const { runMs, embeddingHits, embeddingMisses } = output;
  const pictures = unpackBatch(jobs, output);
  const batchSize = samplesOf(jobs);
  const queueMs = jobs.map((job) => Math.max(0, now - job.enqueuedAt - runMs));
  jobs.forEach((job, i) => {
    job.resolve({
      images: pictures[i] ?? [],
      device,
      batchSize,
      queueMs: queueMs[i] ?? 0,
      inferenceMs: runMs,
    });
  });
  return {
    device,
    bundle: jobs[0]?.request.bundle.id ?? '',
    batchSize,
    runSize,
    queueMs,
    inferenceMs: runMs,
    busyMs: runMs * share,
    embeddingHits,
    embeddingMisses,
  };
}

/** Whether a job of a batch that failed is to go again, alone; counts the failure. A job that failed alone is not. */
export function mayTryAgain(job: PendingJob, { jobs, running, share }: InFlight, error: unknown): boolean {
  const died = error instanceof EngineDiedError;
  // A batch that only waited in the engine when it died is innocent.
  if (running || !died) job.failures++;
  // One that ran beside others was not alone: what they took together may have been what was missing.
  const wasAlone = jobs.length === 1 && share === 1;
  return job.failures < MAX_FAILURES && (died || !wasAlone);
}

export function failure(error: unknown, device: string): Img2ImgError {
  const reason = messageOf(error);
  return new Img2ImgError('inference_failed', `The picture could not be made on ${device}: ${reason}`, {
    details: { device },
    cause: error,
  });
}
