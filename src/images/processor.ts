/** The images of a translation, in and out: the one thing the translator needs to know of this room. */
import type { Conditioned, Conditioning } from './conditioning.js';
import { readSize } from './decode.js';
import { type EncodeOptions, encodeImage } from './encode.js';
import { type Fit, type FitPlan, planFit, restoredSize, type SizeRules } from './fit.js';
import { isQuick, prepare, sameSize } from './prepare.js';
import type { Raster, Size } from './raster.js';
import { ImageWorkers, type ImageWorkersOptions } from './workers.js';

export interface PrepareOptions {
  readonly fit: Fit;
  /** The canvas asked for; default: the bundle's native size, or the picture's own for fit `none`. */
  readonly size?: Size | undefined;
  /** `size` of the bundle's manifest. */
  readonly rules: SizeRules;
  readonly conditioning: Conditioning;
}

export interface PreparedImage extends Conditioned, Size {
  /** Needed to restore the size of the result. */
  readonly plan: FitPlan;
}

export interface FinishOptions extends EncodeOptions {
  /** The plan of the picture whose size the result is scaled back to. */
  readonly restore?: FitPlan | undefined;
}

export class ImageProcessor {
  readonly #maxPixels: number;
  readonly #workers: ImageWorkers;

  constructor(options: { readonly maxPixels: number; readonly workers?: ImageWorkersOptions }) {
    this.#maxPixels = options.maxPixels;
    this.#workers = new ImageWorkers(options.workers);
  }

  /**
   * An encoded image → the conditioning image, uint8 [height,width,3].
   * @param signal ends the wait for a large picture at once, with its reason
   * @throws Img2ImgError as `decodeImage` and `planFit` do, before anything is decoded where the header tells
   */
  async prepare(encoded: Uint8Array, options: PrepareOptions, signal?: AbortSignal): Promise<PreparedImage> {
    const limits = { maxPixels: this.#maxPixels };
    const source = await readSize(encoded, limits);
    const plan = planFit(source, options.fit, options.size, options.rules);
    const job = { encoded, limits, plan, conditioning: options.conditioning };
    const conditioned = isQuick(plan, options.conditioning)
      ? await prepare(job)
      : await this.#workers.run({ task: 'prepare', ...job }, signal);
    return { ...conditioned, ...plan.canvas, plan };
  }

  /** Pixels from a device, uint8 [height,width,3] → the encoded result and its size. */
  async finish(result: Raster, { restore, ...options }: FinishOptions): Promise<Size & { data: Buffer }> {
    if (restore === undefined || isRestored(result, restore)) {
      const { width, height } = result;
      return { data: await encodeImage(result, options), width, height };
    }
    const job = { task: 'restore', result, plan: restore, encode: options } as const;
    const { data, width, height } = await this.#workers.run(job);
    return { data: Buffer.from(data.buffer, data.byteOffset, data.byteLength), width, height };
  }

  /** Ends the threads. */
  close(): Promise<void> {
    return this.#workers.close();
  }
}

function isRestored(result: Raster, plan: FitPlan): boolean {
  return plan.fit !== 'contain' && sameSize(restoredSize(plan), result);
}
