/** Pixels of a drawing → strokes: which side is the ink, and black or white for every pixel. */
import type { Raster } from './raster.js';

/** `true`: light strokes on dark; `false`: dark strokes on light; `auto`: looked up in the picture. */
export type Invert = 'auto' | 'true' | 'false';

/**
 * Strokes 255 on background 0, three equal channels. The reference takes `value / 255 < 0.5` for a dark stroke;
 * a light one is the same of the inverted picture.
 */
export function binarise(picture: Raster, invert: Invert): { data: Uint8Array; inverted: boolean } {
  const { width, height } = picture;
  const grey = greyOf(picture);
  const inverted = invert === 'auto' ? isLightOnDark(grey, width, height) : invert === 'true';
  const data = new Uint8Array(grey.length * 3);
  // Background is there already: strokes are few, and only they are written. Of 512×512 pixels this takes 1 ms.
  // 127 / 255 < 0.5 < 128 / 255, so the halves are the same seen from either side.
  const stroke = inverted ? 128 : 0;
  for (let pixel = 0, to = 0; pixel < grey.length; pixel++, to += 3) {
    if (((grey[pixel] as number) & 128) !== stroke) continue;
    data[to] = 255;
    data[to + 1] = 255;
    data[to + 2] = 255;
  }
  return { data, inverted };
}

/** Luminance [H,W], bit for bit as Pillow's `convert('L')` (ITU-R 601-2 in 16-bit fixed point). */
export function greyOf({ data, width, height }: Raster): Uint8Array {
  const grey = new Uint8Array(width * height);
  // One index with offsets: three that are each counted up take twice as long.
  for (let pixel = 0, from = 0; pixel < grey.length; pixel++, from += 3) {
    const red = data[from] as number;
    const green = data[from + 1] as number;
    const blue = data[from + 2] as number;
    grey[pixel] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
  }
  return grey;
}

/**
 * Whether the paper is dark. The rim (a fiftieth of the shorter side) is asked first, because a drawing may be mostly
 * ink but seldom touches all of its rim; where the rim is of two minds, the majority of all pixels decides.
 */
function isLightOnDark(grey: Uint8Array, width: number, height: number): boolean {
  const rim = Math.max(1, Math.round(Math.min(width, height) / 50));
  const countDark = (from: number, to: number): number => {
    let dark = 0;
    for (let pixel = from; pixel < to; pixel++) dark += 1 - ((grey[pixel] as number) >> 7);
    return dark;
  };
  let onRim = 0;
  let darkOnRim = 0;
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const whole = y < rim || y >= height - rim || width <= 2 * rim;
    const parts = whole
      ? [[row, row + width] as const]
      : [[row, row + rim] as const, [row + width - rim, row + width] as const];
    for (const [from, to] of parts) {
      onRim += to - from;
      darkOnRim += countDark(from, to);
    }
  }
  const share = darkOnRim / onRim;
  if (share >= 0.75) return true;
  if (share <= 0.25) return false;
  return countDark(0, grey.length) * 2 > grey.length;
}
