/** Numbers of many measurements: percentiles and what a table shows of them. */

export interface Summary {
  count: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/**
 * The value below which a share of the measurements lies, interpolated between the two nearest ranks.
 * @param share 0–1
 * @returns NaN where nothing was measured
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

export const mean = (values: readonly number[]): number =>
  values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;

export function summarise(values: readonly number[]): Summary {
  return {
    count: values.length,
    mean: mean(values),
    p50: median(values),
    p95: percentile(values, 0.95),
    p99: percentile(values, 0.99),
    max: percentile(values, 1),
  };
}

/** Below this many answers, counting those in a window is off by more than a twentieth. */
const FEW_ANSWERS = 20;

/**
 * Pictures a second of a closed loop: those that came in its window, or, where they are few, from what each took
 * (Little's law).
 * @param latencies milliseconds of the answers that came in the window
 * @param clients how many waited at any time
 * @param seconds length of the window
 */
export function throughput(latencies: readonly number[], clients: number, seconds: number): number {
  if (latencies.length === 0 || latencies.length >= FEW_ANSWERS) return latencies.length / seconds;
  return (clients * 1000) / mean(latencies);
}
