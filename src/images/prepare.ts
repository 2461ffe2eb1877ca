/** Encoded image → conditioning image, on whichever thread it is called. */
import { Img2ImgError } from '../errors.js';
import type { Canny } from './canny.js';
import { type Conditioned, type Conditioning, condition } from './conditioning.js';
import { type DecodeLimits, decodeImage } from './decode.js';
import type { FitPlan } from './fit.js';
import { lightLinesOverBlack } from './over-black.js';
import type { Raster, Size } from './raster.js';

export interface PrepareJob {
  readonly encoded: Uint8Array;
  readonly limits: DecodeLimits;
  readonly plan: FitPlan;
  readonly conditioning: Conditioning;
}

/**
 * @param loadCanny called for `edge` only
 * @throws Img2ImgError as `decodeImage` does
 */
export async function prepare(job: PrepareJob, loadCanny?: () => Promise<Canny>): Promise<Conditioned> {
  const picture = await decodeImage(job.encoded, job.limits);
  if (!sameSize(picture, job.plan.source)) {
    throw new Img2ImgError('invalid_image', 'The image cannot be decoded: its header tells another size.');
  }
  const canny = job.conditioning.kind === 'edge' ? await loadCanny?.() : undefined;
  const lightLines = await lightLinesOf(job, picture);
  // Who insists on dark strokes gets none, and is told.
  if (lightLines !== undefined && insistsOnDark(job.conditioning)) {
    return { ...condition(picture, job.plan, job.conditioning), missed: true };
  }
  return condition(lightLines ?? picture, job.plan, job.conditioning, canny);
}

/** A photo is no drawing: what is transparent in it stays white. */
async function lightLinesOf(
  { encoded, conditioning, limits }: PrepareJob,
  picture: Raster,
): Promise<Raster | undefined> {
  return conditioning.kind === 'image' ? undefined : lightLinesOverBlack(encoded, picture, limits);
}

function insistsOnDark(conditioning: Conditioning): boolean {
  return conditioning.kind === 'sketch' && conditioning.invert === 'false';
}

/**
 * Whether `prepare` keeps its thread for no more than about 1 ms (decoding happens on libuv's): no resampling, no
 * Canny, and no more pixels than a loop in JavaScript takes in that time (measured 0.5 ms for 512×512).
 */
export function isQuick({ source, canvas }: FitPlan, conditioning: Conditioning): boolean {
  if (conditioning.kind === 'edge' || !sameSize(source, canvas)) return false;
  return conditioning.kind === 'image' || source.width * source.height <= 400_000;
}

export function sameSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}
