/** The runs of a bundle before its first request: how many there are, and what is timed. */
import { messageOf } from '../errors.js';
import type { LoadOutput } from './protocol.js';

/**
 * On a CPU a batch size is run only to learn whether it is worth it, and the server is not ready before: all sizes
 * together may take this long, in milliseconds.
 */
const CPU_BUDGET_MS = 800;
const TIMED_RUNS = 2;

export interface WarmUp {
  directions: readonly string[];
  /** Ascending. */
  batchSizes: readonly number[];
  /** Whether every size must be seen before a request comes with it: a GPU's kernels are chosen per shape. */
  everySize: boolean;
  /** Runs one blank batch. */
  run(direction: string, batchSize: number): Promise<void>;
  /** Whether the engine does not survive an error of a run. */
  isFatal(error: unknown): boolean;
}

/**
 * First runs are slow (memory planning, kernels, cuDNN's choice of algorithm); they must not be a request's. A model
 * whose first run on the CPU takes longer than the whole budget is run that once: what is slow about being first is
 * too little of it to matter, and a model of a minute an image must not keep the server from its requests for many.
 *
 * A card may have no room for the largest batch, and serves with those below it.
 * @returns the shortest run in milliseconds of each size that was run, ascending; and what failed, of a card
 * @throws what the smallest size does; on a CPU, and where it is fatal, what any does
 */
export async function warmUp(bundle: WarmUp): Promise<Pick<LoadOutput, 'runMs' | 'failed'>> {
  const { everySize } = bundle;
  const start = performance.now();
  const measured: LoadOutput['runMs'] = [];
  const [smallest, ...larger] = bundle.batchSizes;
  if (smallest === undefined) return { runMs: measured };
  const first = await timeSize(bundle, smallest, TIMED_RUNS);
  measured.push({ batchSize: smallest, milliseconds: first });
  // On the CPU the largest that fits tells most.
  for (const batchSize of everySize ? larger : larger.reverse()) {
    const expected = (first / smallest) * batchSize * 2;
    if (!everySize && performance.now() - start + expected > CPU_BUDGET_MS) continue;
    try {
      const milliseconds = await timeSize(bundle, batchSize, everySize ? TIMED_RUNS : 1);
      measured.push({ batchSize, milliseconds });
    } catch (error) {
      if (!everySize || bundle.isFatal(error)) throw error;
      return { runMs: measured, failed: { batchSize, reason: messageOf(error) } };
    }
  }
  return { runMs: measured.sort((a, b) => a.batchSize - b.batchSize) };
}

/** Runs every direction once, and the first one `timedRuns` times more. @returns its shortest run in milliseconds */
async function timeSize(bundle: WarmUp, batchSize: number, timedRuns: number): Promise<number> {
  const [first = '', ...others] = bundle.directions;
  const time = async (): Promise<number> => {
    const start = performance.now();
    await bundle.run(first, batchSize);
    return performance.now() - start;
  };
  const cold = await time();
  if (!bundle.everySize && cold > CPU_BUDGET_MS) return cold;
  for (const direction of others) await bundle.run(direction, batchSize);
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < timedRuns; i++) shortest = Math.min(shortest, await time());
  return shortest;
}
