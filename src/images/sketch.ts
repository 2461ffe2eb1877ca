/** Pixels of a drawing → strokes: which side is the ink, and black or white for every pixel. */
import { borrow } from '../picture-memory.js';
import type { Raster } from './raster.js';

/** `true`: light strokes on dark; `false`: dark strokes on light; `auto`: looked up in the picture. */
export type Invert = 'auto' | 'true' | 'false';

/**
 * Strokes 255 on background 0, three equal channels. The reference takes `value / 255 < 0.5` for a dark stroke;
 * a light one is the same of the inverted picture.
 *
 * Four pixels are three words: where all their bytes are in the same half, so is their luminance, and in a drawing
 * nearly all are. Only at the edges of strokes is it worked out.
 */
export function binarise(picture: Raster, invert: Invert): { data: Uint8Array; inverted: boolean } {
  const inverted = invert === 'auto' ? isLightOnDark(picture) : invert === 'true';
  // A word must start at a multiple of four. (A Buffer's `slice` would not copy.)
  const pixels = picture.data.byteOffset % 4 === 0 ? picture.data : new Uint8Array(picture.data);
  const words = new Int32Array(pixels.buffer, pixels.byteOffset, pixels.length >> 2);
  // Background first: strokes are few, and only they are written one by one.
  const data = borrow(pixels.length).fill(0);
  const wordsOut = new Int32Array(data.buffer, 0, words.length);
  let word = 0;
  for (; word + 2 < words.length; word += 3) {
    const a = words[word] as number;
    const b = words[word + 1] as number;
    const c = words[word + 2] as number;
    const allLight = (a & b & c & UPPER_BITS) === UPPER_BITS;
    if (!allLight && ((a | b | c) & UPPER_BITS) !== 0)
      strokePixels(pixels, data, word * 4, word * 4 + 12, inverted);
    else if (allLight === inverted) {
      wordsOut[word] = ALL_BITS;
      wordsOut[word + 1] = ALL_BITS;
      wordsOut[word + 2] = ALL_BITS;
    }
  }
  strokePixels(pixels, data, word * 4, pixels.length, inverted);
  return { data, inverted };
}

/** Of four bytes: the upper bit of each, and all. */
const UPPER_BITS = 0x80808080 | 0;
const ALL_BITS = -1;

/** Writes the strokes among the pixels whose bytes are `from` to `to`. */
function strokePixels(pixels: Uint8Array, out: Uint8Array, from: number, to: number, light: boolean): void {
  for (let at = from; at < to; at += 3) {
    if (isLight(pixels, at) !== light) continue;
    out[at] = 255;
    out[at + 1] = 255;
    out[at + 2] = 255;
  }
}

/** Whether the luminance of the pixel at `at` is at least one half; 127 / 255 < 0.5 < 128 / 255. */
export function isLight(data: Uint8Array, at: number): boolean {
  return luminance(data, at) > 127;
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
export function isLightOnDark({ data, width, height }: Raster): boolean {
  const rim = Math.max(1, Math.round(Math.min(width, height) / 50));
  const countDark = (from: number, to: number): number => {
    let dark = 0;
    for (let pixel = from; pixel < to; pixel++) if (!isLight(data, pixel * 3)) dark++;
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
  return countDark(0, width * height) * 2 > width * height;
}
