/**
 * Lanczos resampling, bit for bit as Pillow's `Image.resize(size, LANCZOS, box)` does it for 8-bit images.
 *
 * The models were trained on pictures that Pillow had resized. libvips' `lanczos3` is not the same filter: it takes
 * the vertical pass first, holds 64 positions of the kernel between two pixels and shrinks by whole factors before,
 * so hard edges (a sketch is nothing else) come out several grey levels apart.
 */
import { type Kernel, resizeColumns, resizeRows } from './lanczos-passes.js';
import type { Box, Raster, Size } from './raster.js';

/** Pillow's `PRECISION_BITS`: coefficients are 32-bit fixed point with room for 8 bits of value and 2 of overshoot. */
const precision = 32 - 8 - 2;
const lobes = 3;

/**
 * Resizes the part of `raster` inside `box` (default: all of it; fractions allowed) to `size`. Gives the same raster
 * back where nothing is to be done. Synchronous and heavy: it belongs in a worker.
 */
export function resizeLanczos(raster: Raster, size: Size, box: Box = wholeOf(raster)): Raster {
  const { width, height } = raster;
  const across = box.left !== 0 || box.width !== size.width || width !== size.width;
  const down = box.top !== 0 || box.height !== size.height || height !== size.height;
  const horizontal = across ? kernelFor(width, box.left, box.left + box.width, size.width) : undefined;
  const vertical = down ? kernelFor(height, box.top, box.top + box.height, size.height) : undefined;
  if (vertical === undefined) return horizontal ? resizeRows(raster, horizontal) : raster;
  if (horizontal === undefined) return resizeColumns(raster, vertical);
  if (columnsFirst(raster, size)) return resizeRows(resizeColumns(raster, vertical), horizontal);
  // Only the rows that the vertical pass will read go through the horizontal one.
  const { top, bottom } = reach(vertical);
  const rows = {
    width,
    height: bottom - top,
    data: raster.data.subarray(top * width * 3, bottom * width * 3),
  };
  return resizeColumns(resizeRows(rows, horizontal), vertical, top);
}

/**
 * Which pass comes first shows in the rounding and clipping between them. The rule is that of Pillow 13, found by
 * trying 4,000 pairs of sizes (it goes by the whole picture's size, also where a box is given); older ones always
 * took the horizontal pass first.
 */
function columnsFirst(from: Size, to: Size): boolean {
  const removedRows = from.height - to.height;
  return removedRows > 0 && removedRows > 2 * (from.width - to.width);
}

/** The lines that a kernel reads. */
function reach({ first, count }: Kernel): { top: number; bottom: number } {
  const last = first.length - 1;
  return { top: first[0] ?? 0, bottom: (first[last] ?? 0) + (count[last] ?? 0) };
}

export function wholeOf(raster: Raster): Box {
  return { left: 0, top: 0, width: raster.width, height: raster.height };
}

function lanczos(x: number): number {
  if (x < -lobes || x >= lobes) return 0;
  return sinc(x) * sinc(x / lobes);
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** Weights for resampling `start..end` of a line of `inputs` pixels to `outputs` pixels. */
function kernelFor(inputs: number, start: number, end: number, outputs: number): Kernel {
  // Pillow keeps the box in single precision.
  const from = Math.fround(start);
  const scale = Math.fround(Math.fround(end) - from) / outputs;
  const stretch = Math.max(scale, 1);
  const support = lobes * stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(outputs);
  const count = new Int32Array(outputs);
  const weights = new Int32Array(outputs * taps);
  const line = new Float64Array(taps);
  for (let output = 0; output < outputs; output++) {
    const centre = from + (output + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(inputs, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let input = low; input < high; input++) {
      const weight = lanczos((input - centre + 0.5) / stretch);
      line[input - low] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < high - low; tap++) {
      const weight = ((line[tap] ?? 0) / (sum || 1)) * (1 << precision);
      weights[output * taps + tap] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    first[output] = low;
    count[output] = high - low;
  }
  return { first, count, weights, taps };
}
