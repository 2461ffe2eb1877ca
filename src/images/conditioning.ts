/** Decoded picture → conditioning image: fitted to the canvas and made into what the bundle was trained on. */
import { isBlank } from './blank.js';
import type { Canny } from './canny.js';
import { type FitPlan, padTo, resizeToPlan } from './fit.js';
import type { Raster } from './raster.js';
import { binarise, type Invert } from './sketch.js';

/** Canny's thresholds for bundles that name none: the reference's own. */
export const defaultThresholds = { low: 100, high: 200 };

/** `sketch` and `edge`: strokes 255 on 0, three equal channels; `image`: the picture itself. */
export type Conditioning =
  | { readonly kind: 'sketch'; readonly invert: Invert }
  | { readonly kind: 'edge'; readonly lowThreshold: number; readonly highThreshold: number }
  | { readonly kind: 'image' };

export interface Conditioned {
  /** uint8 [H,W,3] of the canvas' size. */
  readonly data: Uint8Array;
  /** Whether a sketch was taken as light strokes on dark. */
  readonly inverted: boolean;
  /** Whether a picture that shows something came out without a single stroke or edge; a blank one has none to miss. */
  readonly missed: boolean;
}

/**
 * Resizes, conditions, then pads: in this order padding is background for sketches and edges whatever the paper's
 * colour, and the seam between picture and padding is not itself an edge. Synchronous.
 *
 * @param canny needed for `edge` only
 */
export function condition(
  picture: Raster,
  plan: FitPlan,
  conditioning: Conditioning,
  canny?: Canny,
): Conditioned {
  const fitted = resizeToPlan(picture, plan);
  const { width, height } = fitted;
  switch (conditioning.kind) {
    case 'image':
      return { data: padTo(fitted, plan, 'edge').data, inverted: false, missed: false };
    case 'sketch': {
      const { data, inverted } = binarise(fitted, conditioning.invert);
      const missed = isMissed(data, fitted);
      return { data: padTo({ data, width, height }, plan, 0).data, inverted, missed };
    }
    case 'edge': {
      if (canny === undefined) throw new Error('an edge bundle needs Canny');
      const edges = canny(fitted, conditioning.lowThreshold, conditioning.highThreshold);
      const data = threeChannels(edges);
      const missed = isMissed(edges, fitted);
      return { data: padTo({ data, width, height }, plan, 0).data, inverted: false, missed };
    }
  }
}

/** Whether there is no stroke, 255, though the picture shows something. */
function isMissed({ buffer, byteOffset, byteLength }: Uint8Array, picture: Raster): boolean {
  // A Buffer searches bytes as fast as memory is read; a plain array takes forty times as long.
  return !Buffer.from(buffer, byteOffset, byteLength).includes(255) && !isBlank(picture);
}

/** [H,W] → [H,W,3]. */
function threeChannels(grey: Uint8Array): Uint8Array {
  const data = new Uint8Array(grey.length * 3);
  let to = 0;
  for (let pixel = 0; pixel < grey.length; pixel++) {
    const value = grey[pixel] as number;
    data[to++] = value;
    data[to++] = value;
    data[to++] = value;
  }
  return data;
}
