/** How long to wait before the next attempt to connect. */

export interface Backoff {
  /** Milliseconds before the first attempt; doubled for each one that follows. */
  firstMs: number;
  /** The longest wait. */
  maxMs: number;
}

/**
 * Doubling with jitter over the upper half, so that a thousand clients of a server that restarts do not come back at once.
 * @param attempt 0 for the first retry
 * @param random in [0, 1)
 * @returns milliseconds
 */
export function backoffDelay(attempt: number, { firstMs, maxMs }: Backoff, random: number): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(ceiling * (0.5 + random / 2));
}
