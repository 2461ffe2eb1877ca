/** The images of a translation, in and out: the one thing the translator needs to know of this room. */
import type { OutputFormat } from '../translation.js';
import type { Conditioned, Conditioning } from './conditioning.js';
import { readSize } from './decode.js';
import { checkEncodable, type EncodeOptions, encodeImage } from './encode.js';
import { checkRestored, type Fit, type FitPlan, planFit, restoredSize, type SizeRules } from './fit.js';
import { isLongEncode } from './jobs.js';
import { checkScans } from './jpeg-scans.js';
import { withoutText } from './png-text.js';
import { isQuick, prepare, sameSize } from './prepare.js';
import type { Raster, Size } from './raster.js';
import { type ImageJobOptions, ImageWorkers, type ImageWorkersOptions } from './workers.js';

export interface PrepareOptions {
  readonly fit: Fit;
  /** The canvas asked for; default: the bundle's native size, or the picture's own for fit `none`. */
  readonly size?: Size | undefined;
  /** `size` of the bundle's manifest. */
  readonly rules: SizeRules;
  readonly conditioning: Conditioning;
  /** How many results will be scaled back to the picture's size, and as what they come; default: none. */
  readonly restored?: { readonly count: number; readonly format: OutputFormat } | undefined;
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
   * @param owner its signal ends the wait for a large picture at once, with its reason
   * @throws Img2ImgError as `checkScans`, `withoutText`, `decodeImage`, `planFit`, `checkRestored` and `checkEncodable` do,
   *   before anything is decoded where the header tells
   */
  async prepare(sent: Uint8Array, options: PrepareOptions, owner: ImageJobOptions): Promise<PreparedImage> {
    const limits = { maxPixels: this.#maxPixels };
    checkScans(sent);
    const encoded = withoutText(sent);
    const source = await readSize(encoded, limits);
    const plan = planFit(source, options.fit, options.size, options.rules);
    if (options.restored !== undefined) {
      checkRestored(plan, options.restored.count, this.#maxPixels);
      checkEncodable(restoredSize(plan), options.restored.format);
    }
    const job = { encoded, limits, plan, conditioning: options.conditioning };
    const conditioned = isQuick(plan, options.conditioning)
      ? await prepare(job)
      : await this.#workers.run({ task: 'prepare', ...job }, owner);
    return { ...conditioned, ...plan.canvas, plan };
  }

  /**
   * Pixels from a device, uint8 [height,width,3] → the encoded result and its size.
   * @param owner its signal ends the wait with its reason; a result that has not been begun is not made
   */
  async finish(
    result: Raster,
    { restore: plan, ...encode }: FinishOptions,
    owner: ImageJobOptions,
  ): Promise<Size & { data: Buffer }> {
    const { width, height } = result;
    const restore = plan === undefined || isRestored(result, plan) ? undefined : plan;
    if (restore === undefined && !isLongEncode(result)) {
      owner.signal?.throwIfAborted();
      const data = await encodeImage(result, encode);
      owner.signal?.throwIfAborted();
      return { data, width, height };
    }
    const { data, ...size } = await this.#workers.run({ task: 'finish', result, restore, encode }, owner);
    return { data: Buffer.from(data.buffer, data.byteOffset, data.byteLength), ...size };
  }

  /** Ends the threads. */
  close(): Promise<void> {
    return this.#workers.close();
  }
}

function isRestored(result: Raster, plan: FitPlan): boolean {
  return plan.fit !== 'contain' && sameSize(restoredSize(plan), result);
}
