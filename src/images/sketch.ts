/** Pixels of a drawing → strokes: which side is the ink, and black or white for every pixel. */
import type { Raster } from './raster.js';

/** `true`: light strokes on dark; `false`: dark strokes on light; `auto`: looked up in the picture. */
export type Invert = 'auto' | 'true' | 'false';

/**
 * Strokes 255 on background 0, three equal channels. The reference takes `value / 255 < 0.5` for a dark stroke;
 * a light one is the same of the inverted picture.
 */
export function binarise(picture: Raster, invert: Invert): { data: Uint8Array; inverted: boolean } {
  const grey = greyOf(picture);
  const inverted = invert === 'auto' ? isLightOnDark(grey, picture.width, picture.height) : invert === 'true';
  const data = new Uint8Array(grey.length * 3);
  let to = 0;
  for (let pixel = 0; pixel < grey.length; pixel++) {
    // 127 / 255 < 0.5 < 128 / 255, so the halves are the same seen from either side.
    const dark = (grey[pixel] as number) < 128;
    const value = dark === inverted ? 0 : 255;
    data[to++] = value;
    data[to++] = value;
    data[to++] = value;
  }
  return { data, inverted };
}

/** Luminance [H,W], bit for bit as Pillow's `convert('L')` (ITU-R 601-2 in 16-bit fixed point). */
export function greyOf({ data, width, height }: Raster): Uint8Array {
  const grey = new Uint8Array(width * height);
  let from = 0;
  for (let pixel = 0; pixel < grey.length; pixel++) {
    const red = data[from++] as number;
    const green = data[from++] as number;
    const blue = data[from++] as number;
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
  let all = 0;
  let darkAll = 0;
  let onRim = 0;
  let darkOnRim = 0;
  for (let y = 0; y < height; y++) {
    const rimRow = y < rim || y >= height - rim;
    for (let x = 0; x < width; x++) {
      const dark = (grey[y * width + x] as number) < 128 ? 1 : 0;
      all++;
      darkAll += dark;
      if (rimRow || x < rim || x >= width - rim) {
        onRim++;
        darkOnRim += dark;
      }
    }
  }
  const share = darkOnRim / onRim;
  if (share >= 0.75) return true;
  if (share <= 0.25) return false;
  return darkAll * 2 > all;
}
