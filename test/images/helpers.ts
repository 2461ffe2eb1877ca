/** What the image tests share: pictures by name, and a way to compare pixels. */
import { readFileSync } from 'node:fs';
import { decodeImage } from '../../src/images/decode.js';
import type { SizeRules } from '../../src/images/fit.js';
import type { Raster } from '../../src/images/raster.js';
import sharp from '../../src/images/sharp.js';
import type { JobOwner } from '../../src/images/waiting-jobs.js';

/** What a bundle of the real models says of sizes. */
export const anySize: SizeRules = { native: [512, 512], dynamic: true, multiple_of: 8, min: 16, max: 2048 };

/** Whose a job is where it does not matter. */
export const anyone: JobOwner = { priority: 'normal', client: 'test' };

const folder = new URL('../fixtures/conditioning/', import.meta.url);

export function fixture(name: string): Promise<Raster> {
  return decodeImage(readFileSync(new URL(name, folder)), { maxPixels: 1e6 });
}

export interface Cases {
  resizes: {
    source: string;
    fit: 'fill' | 'cover' | 'contain';
    width: number;
    height: number;
    expected: string;
  }[];
  edges: { source: string; low: number; high: number; expected: string }[];
  sketches: { source: string; inverted: boolean; expected: string }[];
}

export function cases(): Cases {
  return JSON.parse(readFileSync(new URL('cases.json', folder), 'utf8')) as Cases;
}

/** The largest difference of two arrays' values, and the share of values that are equal. */
export function compare(a: Uint8Array, b: Uint8Array): { largest: number; equal: number } {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let largest = 0;
  let equal = 0;
  a.forEach((value, index) => {
    const difference = Math.abs(value - (b[index] ?? 0));
    largest = Math.max(largest, difference);
    if (difference === 0) equal++;
  });
  return { largest, equal: equal / a.length };
}

/** A picture with something in it everywhere: ramps and waves, RGB. */
export function scene(width: number, height: number): Raster & { data: Buffer } {
  const data = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      data[at] = (x * 255) / width;
      data[at + 1] = (y * 255) / height;
      data[at + 2] = 128 + 100 * Math.sin(x / 7) * Math.cos(y / 5);
    }
  }
  return { data, width, height };
}

/** A sharp pipeline on raw pixels, to encode them as a test likes. */
export function pipeline(raster: Raster) {
  return sharp(raster.data, { raw: { width: raster.width, height: raster.height, channels: 3 } });
}

/** The pixel at x, y. */
export function pixel(raster: Raster, x: number, y: number): number[] {
  const at = (y * raster.width + x) * 3;
  return [...raster.data.subarray(at, at + 3)];
}
