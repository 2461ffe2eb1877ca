/** Packs jobs into one batch for an engine, and deals its output out again. */
import type { BatchOutput, BatchSpec } from '../engine/protocol.js';
import type { PendingJob } from './pending-job.js';

/** @param jobs of one key, at least one */
export function packBatch(jobs: readonly PendingJob[], runSize: number): BatchSpec {
  const first = jobs[0];
  if (first === undefined) throw new RangeError('a batch has at least one job');
  const { bundle, direction, width, height } = first.request;
  const samples = jobs.flatMap((job) => job.request.samples);
  const tokenLength = bundle.manifest.tokenizer.max_length;
  const tokens = new BigInt64Array(samples.length * tokenLength);
  samples.forEach((sample, i) => {
    tokens.set(sample.tokens, i * tokenLength);
  });
  return {
    bundle: bundle.id,
    direction,
    width,
    height,
    images: sideBySide(samples.map(({ image }) => image)),
    tokens,
    seeds: Int32Array.from(samples, (sample) => sample.seed),
    gammas: Float32Array.from(samples, (sample) => sample.gamma),
    runSize,
  };
}

/** One image alone is not copied: the engine's transport reads it at once. */
function sideBySide(images: readonly Uint8Array[]): Uint8Array {
  const [first, ...others] = images;
  return first !== undefined && others.length === 0 ? first : Buffer.concat(images);
}

/** The pictures of each job, in the order they were packed; views of the output, not copies. */
export function unpackBatch(jobs: readonly PendingJob[], output: BatchOutput): Uint8Array[][] {
  const samples = jobs.reduce((sum, job) => sum + job.count, 0);
  const imageBytes = output.images.length / samples;
  let next = 0;
  const nextImage = (): Uint8Array => output.images.subarray(next * imageBytes, ++next * imageBytes);
  return jobs.map((job) => job.request.samples.map(nextImage));
}
