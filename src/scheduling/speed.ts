/** How long a batch takes on one device, learned from warm-up and from every batch since. */

/** Weight of the newest measurement: a few batches follow a change of load, one outlier does not count much. */
const ALPHA = 0.3;

/** Before anything was measured. Wrong for a while, and only ever used to order guesses. */
const UNKNOWN_MS_PER_SAMPLE = 200;

export class Speed {
  /** Milliseconds by batch key and batch size. */
  readonly #milliseconds = new Map<string, Map<number, number>>();

  record(key: string, batchSize: number, milliseconds: number): void {
    const sizes = this.#milliseconds.get(key) ?? new Map<number, number>();
    this.#milliseconds.set(key, sizes);
    const known = sizes.get(batchSize);
    sizes.set(batchSize, known === undefined ? milliseconds : known + ALPHA * (milliseconds - known));
  }

  /** Expected milliseconds of one run: measured, or in proportion to the nearest size that was. */
  batchMs(key: string, batchSize: number): number {
    const sizes = this.#milliseconds.get(key);
    const exact = sizes?.get(batchSize);
    if (exact !== undefined) return exact;
    let nearest: [size: number, milliseconds: number] | undefined;
    for (const entry of sizes ?? []) {
      if (nearest === undefined || Math.abs(entry[0] - batchSize) < Math.abs(nearest[0] - batchSize))
        nearest = entry;
    }
    return nearest === undefined ? UNKNOWN_MS_PER_SAMPLE * batchSize : (nearest[1] / nearest[0]) * batchSize;
  }

  /** Expected milliseconds of one sample at the best batch size measured. */
  sampleMs(key: string): number {
    let best = Number.POSITIVE_INFINITY;
    for (const [size, milliseconds] of this.#milliseconds.get(key) ?? [])
      best = Math.min(best, milliseconds / size);
    return Number.isFinite(best) ? best : UNKNOWN_MS_PER_SAMPLE;
  }
}
