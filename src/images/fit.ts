/** How a picture of any size comes onto the canvas that a bundle runs, and how the result comes back from it. */
import { Img2ImgError } from '../errors.js';
import { resizeLanczos, wholeOf } from './lanczos.js';
import type { Box, Raster, Size } from './raster.js';

/**
 * - `cover` fills the canvas and cuts off what stands over, evenly on both sides (Pillow's `ImageOps.fit`);
 * - `contain` shows the whole picture and pads the rest (Pillow's `ImageOps.pad`);
 * - `fill` stretches the picture to the canvas;
 * - `none` keeps the picture's own size, each side rounded down to the bundle's multiple as the reference does it
 *   for paired models (it resizes to the rounded size, it does not cut).
 */
export const fits = ['cover', 'contain', 'fill', 'none'] as const;
export type Fit = (typeof fits)[number];

/** Which canvas sizes a bundle runs: `size` of its manifest. */
export interface SizeRules {
  /** Width and height. */
  readonly native: readonly [number, number];
  readonly dynamic: boolean;
  readonly multiple_of: number;
  readonly min: number;
  readonly max: number;
}

/** Where the picture goes: the part `crop` of the source is resized onto the part `inner` of the canvas. */
export interface FitPlan {
  readonly fit: Fit;
  /** The source's size, after EXIF orientation. */
  readonly source: Size;
  /** What the graph gets. */
  readonly canvas: Size;
  /** In source pixels, may be fractions; all of the source except for `cover`. */
  readonly crop: Box;
  /** In canvas pixels, whole; all of the canvas except for `contain`. */
  readonly inner: Box;
}

/**
 * @throws Img2ImgError `invalid_request` where the bundle does not run such a canvas: `size` is not allowed, or the
 *   source's own size is not for `none`
 */
export function planFit(source: Size, fit: Fit, size: Size | undefined, rules: SizeRules): FitPlan {
  const canvas = fit === 'none' ? ownCanvas(source, size, rules) : (size ?? nativeSize(rules));
  if (size !== undefined) checkSize(size, rules);
  const whole = { left: 0, top: 0, ...source };
  const inner = { left: 0, top: 0, ...canvas };
  if (fit === 'cover') return { fit, source, canvas, crop: coverCrop(source, canvas), inner };
  if (fit === 'contain') return { fit, source, canvas, crop: whole, inner: containBox(source, canvas) };
  return { fit, source, canvas, crop: whole, inner };
}

/** @throws Img2ImgError `invalid_request` naming the value and what is allowed */
export function checkSize(size: Size, rules: SizeRules): void {
  const allowed = describeRules(rules);
  const refuse = (why: string) => {
    const value = `${size.width}x${size.height}`;
    throw new Img2ImgError('invalid_request', `size ${value} ${why}; allowed: ${allowed}.`, {
      details: { errors: [{ field: 'size', value, allowed }] },
    });
  };
  const [width, height] = rules.native;
  if (size.width === width && size.height === height) return;
  if (!rules.dynamic) refuse('is not what this model runs');
  for (const side of [size.width, size.height]) {
    if (side % rules.multiple_of !== 0) refuse(`is not a multiple of ${rules.multiple_of}`);
    if (side < rules.min || side > rules.max) refuse('is out of range');
  }
}

function describeRules(rules: SizeRules): string {
  if (!rules.dynamic) return rules.native.join('x');
  return `width and height multiples of ${rules.multiple_of} from ${rules.min} to ${rules.max}`;
}

function nativeSize(rules: SizeRules): Size {
  const [width, height] = rules.native;
  return { width, height };
}

/** The canvas of `none`: the source's size rounded down to the multiple. */
function ownCanvas(source: Size, size: Size | undefined, rules: SizeRules): Size {
  const floor = (side: number) => Math.floor(side / rules.multiple_of) * rules.multiple_of;
  const canvas = { width: floor(source.width), height: floor(source.height) };
  const refuse = (fault: { field: string; value: string; allowed: string }, why: string) => {
    const [own, kept] = [source, canvas].map(({ width, height }) => `${width}x${height}`);
    const size = own === kept ? own : `${own}, rounded down to multiples of ${rules.multiple_of}: ${kept}`;
    throw new Img2ImgError('invalid_request', `fit none keeps the image's size, ${size}, ${why}.`, {
      details: { errors: [fault] },
    });
  };
  if (size !== undefined && (size.width !== canvas.width || size.height !== canvas.height)) {
    const value = `${size.width}x${size.height}`;
    const fault = { field: 'size', value, allowed: 'none with fit none' };
    refuse(fault, `so size ${value} contradicts it: leave size out, or choose another fit`);
  }
  const [width, height] = rules.native;
  const isNative = canvas.width === width && canvas.height === height;
  const inRange = [canvas.width, canvas.height].every((side) => side >= rules.min && side <= rules.max);
  if (!isNative && !(rules.dynamic && inRange)) {
    const allowed = describeRules(rules);
    const fault = { field: 'fit', value: 'none', allowed: `cover, contain or fill; none for ${allowed}` };
    refuse(fault, `which this model does not run (allowed: ${allowed}): choose another fit`);
  }
  return canvas;
}

/** As Pillow's `ImageOps.fit` with its centring in the middle: fractions are kept, the resampling cuts at them. */
function coverCrop(source: Size, canvas: Size): Box {
  const sourceRatio = source.width / source.height;
  const canvasRatio = canvas.width / canvas.height;
  let { width, height } = source;
  if (sourceRatio > canvasRatio) width = canvasRatio * height;
  else if (sourceRatio < canvasRatio) height = width / canvasRatio;
  return { left: (source.width - width) * 0.5, top: (source.height - height) * 0.5, width, height };
}

/** As Pillow's `ImageOps.pad`. */
function containBox(source: Size, canvas: Size): Box {
  const sourceRatio = source.width / source.height;
  const canvasRatio = canvas.width / canvas.height;
  let { width, height } = canvas;
  if (sourceRatio > canvasRatio) height = Math.max(1, roundHalfEven((source.height / source.width) * width));
  else if (sourceRatio < canvasRatio) width = Math.max(1, roundHalfEven(sourceRatio * height));
  return {
    left: roundHalfEven((canvas.width - width) * 0.5),
    top: roundHalfEven((canvas.height - height) * 0.5),
    width,
    height,
  };
}

/** Python's `round`. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The source resized onto `inner`; not yet padded to the canvas (see `padTo`). */
export function resizeToPlan(source: Raster, plan: FitPlan): Raster {
  return resizeLanczos(source, plan.inner, plan.crop);
}

/**
 * Sets `inner` onto a canvas. `background` fills the rest with one value; `'edge'` draws the picture's outermost
 * pixels out to the rim, which is what a photo model finds least strange (no bar for it to paint as a bright wall).
 */
export function padTo(raster: Raster, plan: FitPlan, background: number | 'edge'): Raster {
  const { canvas, inner } = plan;
  if (inner.width === canvas.width && inner.height === canvas.height) return raster;
  const stride = canvas.width * 3;
  const data = new Uint8Array(stride * canvas.height).fill(background === 'edge' ? 0 : background);
  const left = inner.left * 3;
  const right = left + inner.width * 3;
  for (let y = 0; y < inner.height; y++) {
    const from = y * inner.width * 3;
    const row = data.subarray((inner.top + y) * stride, (inner.top + y + 1) * stride);
    row.set(raster.data.subarray(from, from + inner.width * 3), left);
    if (background !== 'edge') continue;
    for (let x = left - 3; x >= 0; x -= 3) row.copyWithin(x, left, left + 3);
    for (let x = right; x < stride; x += 3) row.copyWithin(x, right - 3, right);
  }
  if (background === 'edge') {
    const bottom = inner.top + inner.height;
    for (let y = 0; y < inner.top; y++)
      data.copyWithin(y * stride, inner.top * stride, (inner.top + 1) * stride);
    for (let y = bottom; y < canvas.height; y++) {
      data.copyWithin(y * stride, (bottom - 1) * stride, bottom * stride);
    }
  }
  return { data, width: canvas.width, height: canvas.height };
}

/**
 * The size at which a result covers the same part of the picture as the source did: the source's own size for
 * `contain` (its padding is cut off), `fill` and `none`; the size of the part that was seen for `cover`.
 */
export function restoredSize(plan: FitPlan): Size {
  if (plan.fit !== 'cover') return plan.source;
  return {
    width: Math.max(1, Math.round(plan.crop.width)),
    height: Math.max(1, Math.round(plan.crop.height)),
  };
}

/**
 * Scaling back costs time and memory by the pixel, so all results together may have as many as one picture sent.
 * @throws Img2ImgError `invalid_request` naming how many results may be scaled back to this picture's size
 */
export function checkRestored(plan: FitPlan, count: number, maxPixels: number): void {
  const { width, height } = restoredSize(plan);
  const most = Math.floor(maxPixels / (width * height));
  if (count <= most) return;
  const allowed = `at most ${most} with restore_size and a picture of ${width}x${height}`;
  throw new Img2ImgError('invalid_request', `n must be ${allowed}, not ${count}.`, {
    details: { errors: [{ field: 'n', value: count, allowed }] },
  });
}

/** A result of the canvas' size scaled back to `restoredSize`. Synchronous and heavy: for a worker. */
export function restoreSize(result: Raster, plan: FitPlan): Raster {
  const { inner } = plan;
  const seen = inner.width === result.width && inner.height === result.height ? wholeOf(result) : inner;
  return resizeLanczos(result, restoredSize(plan), seen);
}
