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
  const light = lightPixels(picture);
  const inverted = invert === 'auto' ? isLightOnDark(light, width, height) : invert === 'true';
  const data = new Uint8Array(light.length * 3);
  // Background is there already: strokes are few, and only they are written.
  const stroke = inverted ? 1 : 0;
  const background = inverted ? 0 : ALL_LIGHT;
  const fours = new Uint32Array(light.buffer, 0, light.length >> 2);
  for (let four = 0; four < fours.length; four++) {
    if (fours[four] === background) continue;
    for (let pixel = four * 4; pixel < four * 4 + 4; pixel++) {
      if (light[pixel] !== stroke) continue;
      data[pixel * 3] = 255;
      data[pixel * 3 + 1] = 255;
      data[pixel * 3 + 2] = 255;
    }
  }
  for (let pixel = fours.length * 4; pixel < light.length; pixel++) {
    if (light[pixel] === stroke) data.fill(255, pixel * 3, pixel * 3 + 3);
  }
  return { data, inverted };
}

/** Four light pixels, and the upper bits of four bytes. */
const ALL_LIGHT = 0x01010101;
const UPPER_BITS = 0x80808080 | 0;

/**
 * 1 for every pixel whose luminance is at least one half, [H,W]; 127 / 255 < 0.5 < 128 / 255.
 *
 * Four pixels are three words: where all their bytes are in the same half, so is their luminance, and in a drawing
 * nearly all are. Only at the edges of strokes is it worked out.
 */
function lightPixels(picture: Raster): Uint8Array<ArrayBuffer> {
  const { width, height } = picture;
  const light = new Uint8Array(width * height);
  // A word must start at a multiple of four. (A Buffer's `slice` would not copy.)
  const data = picture.data.byteOffset % 4 === 0 ? picture.data : new Uint8Array(picture.data);
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length >> 2);
  const fours = new Uint32Array(light.buffer, 0, light.length >> 2);
  for (let four = 0, word = 0; four < fours.length; four++, word += 3) {
    const a = words[word] as number;
    const b = words[word + 1] as number;
    const c = words[word + 2] as number;
    if ((a & b & c & UPPER_BITS) === UPPER_BITS) fours[four] = ALL_LIGHT;
    else if (((a | b | c) & UPPER_BITS) !== 0) {
      for (let pixel = four * 4; pixel < four * 4 + 4; pixel++)
        light[pixel] = luminance(data, pixel * 3) >> 7;
    }
  }
  for (let pixel = fours.length * 4; pixel < light.length; pixel++)
    light[pixel] = luminance(data, pixel * 3) >> 7;
  return light;
}

/** Of the pixel whose red is at `at`, bit for bit as Pillow's `convert('L')` (ITU-R 601-2 in 16-bit fixed point). */
export function luminance(data: Uint8Array, at: number): number {
  const red = data[at] as number;
  const green = data[at + 1] as number;
  const blue = data[at + 2] as number;
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

/**
 * Whether the paper is dark. The rim (a fiftieth of the shorter side) is asked first, because a drawing may be mostly
 * ink but seldom touches all of its rim; where the rim is of two minds, the majority of all pixels decides.
 */
function isLightOnDark(light: Uint8Array, width: number, height: number): boolean {
  const rim = Math.max(1, Math.round(Math.min(width, height) / 50));
  const countDark = (from: number, to: number): number => {
    let dark = 0;
    for (let pixel = from; pixel < to; pixel++) dark += 1 - (light[pixel] as number);
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
  return countDark(0, light.length) * 2 > light.length;
}
