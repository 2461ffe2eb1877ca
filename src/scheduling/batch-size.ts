/** How many of the waiting samples ride in the next batch, and at which size it runs. */

/** A larger batch makes its first sample wait for its last: it must be this much faster a sample to be worth that. */
const WORTHWHILE_GAIN = 1.03;

/**
 * The sizes a device may run a bundle at, ascending, at least one.
 * @param preferred the bundle's own
 * @param configured set by hand in their place; empty: none
 */
export function allowedSizes(
  preferred: readonly number[],
  configured: readonly number[],
  maxBatchSize: number,
): number[] {
  const sizes = (configured.length > 0 ? configured : preferred).filter((size) => size <= maxBatchSize);
  return sizes.length === 0 ? [1] : sizes;
}

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

/**
 * Those of `sizes` (ascending) that take no more memory at another size than the largest does at the bundle's own; 1 where
 * none does. Memory grows with the pixels of a batch, whatever they are divided into.
 * @param native [width,height] that the sizes are meant for
 */
export function sizesAt(
  sizes: readonly number[],
  native: readonly [number, number],
  { width, height }: { width: number; height: number },
): number[] {
  const most = ((sizes.at(-1) ?? 1) * native[0] * native[1]) / (width * height);
  const fitting = sizes.filter((size) => size <= most);
  return fitting.length === 0 ? [1] : fitting;
}

/**
 * How many of the waiting samples to take: as many as make most samples a millisecond.
 * @param available samples that could ride, at least 1
 * @param preferred ascending
 * @param runSize the size a number of samples runs at: itself, or padded up where the device must not see others
 */
export function chooseBatchSize(
  available: number,
  preferred: readonly number[],
  runSize: (samples: number) => number,
  expectedMs: (batchSize: number) => number,
): number {
  let best = { samples: Math.min(available, preferred[0] ?? 1), rate: 0 };
  for (const size of preferred) {
    const samples = Math.min(size, available);
    const rate = samples / expectedMs(runSize(samples));
    if (rate > best.rate * (best.rate > 0 ? WORTHWHILE_GAIN : 1)) best = { samples, rate };
  }
  return best.samples;
}

/** The smallest of `sizes` (ascending) that holds `samples`; `samples` itself where none does. */
export function padUp(samples: number, sizes: readonly number[]): number {
  return sizes.find((size) => size >= samples) ?? samples;
}
