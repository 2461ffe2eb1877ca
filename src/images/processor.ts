/** The images of a translation, in and out: the one thing the translator needs to know of this room. */
import { type Conditioned, type Conditioning, condition, isQuick } from './conditioning.js';
import { decodeImage } from './decode.js';
import { type EncodeOptions, encodeImage } from './encode.js';
import { type Fit, type FitPlan, planFit, restoredSize, type SizeRules } from './fit.js';
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
   * @throws Img2ImgError as `decodeImage` and `planFit` do
   */
  async prepare(encoded: Uint8Array, options: PrepareOptions): Promise<PreparedImage> {
    const picture = await decodeImage(encoded, { maxPixels: this.#maxPixels });
    const { width, height } = picture;
    const plan = planFit({ width, height }, options.fit, options.size, options.rules);
    const conditioned = await this.#condition(picture, plan, options.conditioning);
    return { ...conditioned, ...plan.canvas, plan };
  }

  /** Pixels from a device, uint8 [height,width,3] → the encoded result and its size. */
  async finish(result: Raster, { restore, ...options }: FinishOptions): Promise<Size & { data: Buffer }> {
    const picture = restore === undefined ? result : await this.#restore(result, restore);
    const { width, height } = picture;
    return { data: await encodeImage(picture, options), width, height };
  }

  /** Ends the threads. */
  close(): Promise<void> {
    return this.#workers.close();
  }

  async #condition(picture: Raster, plan: FitPlan, conditioning: Conditioning): Promise<Conditioned> {
    if (isQuick(picture, plan, conditioning)) return condition(picture, plan, conditioning);
    return this.#workers.run({ task: 'condition', picture, plan, conditioning });
  }

  async #restore(result: Raster, plan: FitPlan): Promise<Raster> {
    const { width, height } = restoredSize(plan);
    const same = plan.fit !== 'contain' && width === result.width && height === result.height;
    // A copy, because the workers take over what they are given and this may be a slice of a batch.
    return same
      ? result
      : this.#workers.run({
          task: 'restore',
          picture: { ...result, data: new Uint8Array(result.data) },
          plan,
        });
  }
}
