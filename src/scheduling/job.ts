/** One job of the scheduler: the samples of one request, which run together in one batch. */
import type { Bundle } from '../bundles/bundle.js';
import type { Priority } from '../request.js';

/** One picture to make. */
export interface Sample {
  /** uint8 [H,W,3], the conditioning image. */
  image: Uint8Array;
  /** int64 [L], the prompt's tokens. */
  tokens: BigInt64Array;
  /** int32 */
  seed: number;
  /** 0–1; ignored by deterministic bundles. */
  gamma: number;
}

export interface JobRequest {
  bundle: Bundle;
  direction: string;
  width: number;
  height: number;
  samples: Sample[];
  priority: Priority;
  /** Whom fairness counts the samples for. */
  client: string;
  /** On the clock of `performance.now()`. */
  deadlineAt: number;
  signal?: AbortSignal;
}

export interface JobResult {
  /** uint8 [H,W,3] each, one a sample. */
  images: Uint8Array[];
  device: string;
  /** Samples in the batch, padding not counted. */
  batchSize: number;
  /** Milliseconds from submission to the start of the run. */
  queueMs: number;
  /** Milliseconds of the run. */
  inferenceMs: number;
}

/** Samples may share a batch when they run through the same graphs at the same size. */
export function batchKey(request: JobRequest): string {
  return `${request.bundle.id}/${request.direction}/${request.width}x${request.height}`;
}
