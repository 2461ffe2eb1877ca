/** How many of the waiting samples ride in the next batch, and at which batch size it runs. */

/** A larger batch makes its first sample wait for its last: it must be this much faster a sample to be worth that. */
const WORTHWHILE_GAIN = 1.03;

/**
 * The sizes of a bundle worth running on a device, given what warm-up measured: a size that makes no sample faster than
 * a smaller one does only adds waiting. Sizes that were not measured are left out, unless nothing was.
 */
export function worthwhileSizes(
  preferred: readonly number[],
  measured: readonly { batchSize: number; milliseconds: number }[],
): number[] {
  if (measured.length === 0) return [...preferred];
  const sizes: number[] = [];
  let best = Number.POSITIVE_INFINITY;
  for (const { batchSize, milliseconds } of [...measured].sort((a, b) => a.batchSize - b.batchSize)) {
    const perSample = milliseconds / batchSize;
    if (sizes.length > 0 && perSample * WORTHWHILE_GAIN > best) continue;
    sizes.push(batchSize);
    best = Math.min(best, perSample);
  }
  return sizes;
}

export interface BatchSizeChoice {
  /** Most samples to take. */
  samples: number;
  /** Size to run at; larger than what was taken where the device pads. */
  runSize(taken: number): number;
}

/**
 * The best preferred size for what is waiting: the one that makes most samples a millisecond.
 * @param available samples that could ride, at least 1
 * @param preferred ascending
 * @param pads whether only preferred sizes may run
 */
export function chooseBatchSize(
  available: number,
  preferred: readonly number[],
  pads: boolean,
  expectedMs: (batchSize: number) => number,
): BatchSizeChoice {
  const runSize = (taken: number): number =>
    pads ? (preferred.find((size) => size >= taken) ?? taken) : taken;
  let best = { samples: Math.min(available, preferred[0] ?? 1), rate: 0 };
  for (const size of preferred) {
    const samples = Math.min(size, available);
    const rate = samples / expectedMs(runSize(samples));
    if (rate > best.rate * (best.rate > 0 ? WORTHWHILE_GAIN : 1)) best = { samples, rate };
  }
  return { samples: best.samples, runSize };
}
