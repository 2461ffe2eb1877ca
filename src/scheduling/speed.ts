/** How long a batch takes on one device, learned from warm-up and from every batch since. */
import { LRUCache } from 'lru-cache';

/** Weight of the newest measurement: a few batches follow a change of load, one outlier does not count much. */
const ALPHA = 0.3;

/** Before anything was measured. Wrong for a while, and only ever used to order guesses. */
const UNKNOWN_MS_PER_SAMPLE = 200;

/** Picture sizes remembered per graph: a client that tries them all must not fill the memory. */
const MAX_SIZES = 64;
/** The same at several batch sizes and in both directions. */
const MAX_RUNS = 8 * MAX_SIZES;

/**
 * A batch size that was not run for this many batches is due again: what warm-up measured on an idle machine, or during a
 * neighbour's bad second, must not decide for ever.
 */
const DUE_AFTER_BATCHES = 64;

/** What the samples of a batch have in common, as far as it makes them fast or slow. */
export interface Shape {
  bundle: { id: string };
  direction: string;
  /** In pixels. */
  width: number;
  height: number;
}

interface Measured {
  pixels: number;
  /** Batches recorded. */
  batches: number;
  /** By batch size. */
  sizes: Map<number, SizeSpeed>;
}

interface SizeSpeed {
  milliseconds: number;
  /** The number of its last batch. */
  lastBatch: number;
}

export class Speed {
  /** By bundle and direction, then by width and height. */
  readonly #measured = new Map<string, LRUCache<string, Measured>>();
  /** By bundle, the picture and batch sizes it ran at since its load. */
  readonly #ran = new Map<string, LRUCache<string, true>>();

  /** The bundle was loaded anew: whatever runs next is a first run. */
  loaded({ id }: Shape['bundle']): void {
    this.#ran.delete(id);
  }

  /**
   * For a device that chooses its kernels in the first run at each picture and batch size (cuDNN): that one takes many times
   * as long as those after it, and tells nothing of them.
   */
  recordUnlessFirst(shape: Shape, batchSize: number, milliseconds: number): void {
    if (this.#noteRun(shape, batchSize) === 'first') return;
    this.record(shape, batchSize, milliseconds);
  }

  record(shape: Shape, batchSize: number, milliseconds: number): void {
    this.#noteRun(shape, batchSize);
    const shapes = this.#measured.get(graphsOf(shape)) ?? new LRUCache<string, Measured>({ max: MAX_SIZES });
    this.#measured.set(graphsOf(shape), shapes);
    const measured = shapes.get(sizeOf(shape)) ?? { pixels: pixelsOf(shape), batches: 0, sizes: new Map() };
    shapes.set(sizeOf(shape), measured);
    const known = measured.sizes.get(batchSize);
    // What is due is learned anew: a first run that planned its memory is forgotten with the second.
    const told = known !== undefined && !isDue(known, measured) ? known.milliseconds : milliseconds;
    measured.sizes.set(batchSize, {
      milliseconds: told + ALPHA * (milliseconds - told),
      lastBatch: ++measured.batches,
    });
  }

  /**
   * The batch size of `sizes` that is to be run to learn its speed: one never told of at this shape, or not for long.
   * @returns undefined where nothing is due
   */
  due(shape: Shape, sizes: readonly number[]): number | undefined {
    const measured = this.#measured.get(graphsOf(shape))?.get(sizeOf(shape));
    if (measured === undefined) return undefined;
    return sizes.find((size) => {
      const known = measured.sizes.get(size);
      return known === undefined || isDue(known, measured);
    });
  }

  /** Whether anything was measured of this shape's graphs, at any size. */
  isMeasured(shape: Shape): boolean {
    return this.#measured.has(graphsOf(shape));
  }

  /** Expected milliseconds of one run: measured, or in proportion to the nearest batch size that was. */
  batchMs(shape: Shape, batchSize: number): number {
    const { sizes, scale } = this.#nearest(shape);
    const exact = sizes.get(batchSize);
    if (exact !== undefined) return exact.milliseconds * scale;
    let nearest: [size: number, milliseconds: number] | undefined;
    for (const [size, { milliseconds }] of sizes) {
      if (nearest === undefined || Math.abs(size - batchSize) < Math.abs(nearest[0] - batchSize))
        nearest = [size, milliseconds];
    }
    const sampleMs = nearest === undefined ? UNKNOWN_MS_PER_SAMPLE : (nearest[1] / nearest[0]) * scale;
    return sampleMs * batchSize;
  }

  /** Expected milliseconds of one sample at the best batch size measured. */
  sampleMs(shape: Shape): number {
    const { sizes, scale } = this.#nearest(shape);
    let best = Number.POSITIVE_INFINITY;
    for (const [size, { milliseconds }] of sizes) best = Math.min(best, (milliseconds / size) * scale);
    return Number.isFinite(best) ? best : UNKNOWN_MS_PER_SAMPLE;
  }

  #noteRun(shape: Shape, batchSize: number): 'first' | 'later' {
    const ran = this.#ran.get(shape.bundle.id) ?? new LRUCache<string, true>({ max: MAX_RUNS });
    this.#ran.set(shape.bundle.id, ran);
    const key = `${shape.direction}/${sizeOf(shape)}/${batchSize}`;
    if (ran.get(key) !== undefined) return 'later';
    ran.set(key, true);
    return 'first';
  }

  /** What was measured at this width and height; else at the nearest number of pixels, to be scaled by them. */
  #nearest(shape: Shape): { sizes: ReadonlyMap<number, SizeSpeed>; scale: number } {
    const shapes = this.#measured.get(graphsOf(shape));
    const exact = shapes?.get(sizeOf(shape));
    if (exact !== undefined) return { sizes: exact.sizes, scale: 1 };
    const pixels = pixelsOf(shape);
    let nearest: Measured | undefined;
    for (const other of shapes?.values() ?? []) {
      const distance = Math.abs(Math.log(other.pixels / pixels));
      if (nearest === undefined || distance < Math.abs(Math.log(nearest.pixels / pixels))) nearest = other;
    }
    if (nearest === undefined) return { sizes: new Map(), scale: 1 };
    return { sizes: nearest.sizes, scale: pixels / nearest.pixels };
  }
}

function isDue({ lastBatch }: SizeSpeed, { batches }: Measured): boolean {
  return batches - lastBatch > DUE_AFTER_BATCHES;
}

function graphsOf({ bundle, direction }: Shape): string {
  return `${bundle.id}/${direction}`;
}

function sizeOf({ width, height }: Shape): string {
  return `${width}x${height}`;
}

function pixelsOf({ width, height }: Shape): number {
  return width * height;
}
