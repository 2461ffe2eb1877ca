/** The two passes of a separable resampling, done in WebAssembly (see lanczos.wat) strip by strip. */
import { lanczosWasm } from './lanczos-wasm.js';
import type { Raster } from './raster.js';

/** For each output position the first input position that counts, how many do, and their weights. */
export interface Kernel {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `taps` weights for every output position, 22-bit fixed point. */
  readonly weights: Int32Array;
  readonly taps: number;
}

/** What is used of it: the compiler knows WebAssembly from the browser's library only. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: unknown };
};

interface Passes {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  resizeRows(
    source: number,
    sourceStride: number,
    rows: number,
    target: number,
    width: number,
    spans: number,
    weights: number,
    weightStride: number,
  ): void;
  resizeColumns(
    source: number,
    stride: number,
    target: number,
    rows: number,
    spans: number,
    weights: number,
    weightStride: number,
  ): void;
}

/** Bytes of a source held in WebAssembly's memory at a time: it grows to what was needed and never shrinks. */
const stripBytes = 4 << 20;
/** Read past the end of a strip, and written past the end of a target. */
const slack = 32;

let instance: Passes | undefined;

function passes(): Passes {
  instance ??= new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(lanczosWasm, 'base64')))
    .exports as Passes;
  return instance;
}

/** The horizontal pass: [H,W,3] → [H,outputs,3]. */
export function resizeRows(source: Raster, kernel: Kernel): Raster {
  const { height } = source;
  const width = kernel.first.length;
  const from = source.width * 3;
  const to = width * 3;
  const step = Math.max(1, Math.min(height, Math.floor(stripBytes / from)));
  const { at, run, bytes } = place(kernel, 3, step * from + slack, step * to + slack);
  const data = new Uint8Array(to * height);
  for (let top = 0; top < height; top += step) {
    const rows = Math.min(step, height - top);
    bytes.set(source.data.subarray(top * from, (top + rows) * from), at.source);
    run.resizeRows(at.source, from, rows, at.target, width, at.spans, at.weights, at.weightStride);
    data.set(bytes.subarray(at.target, at.target + rows * to), top * to);
  }
  return { data, width, height };
}

/** The vertical pass: [H,W,3] → [outputs,W,3]. Rows of `source` start at row `top` of what the kernel counts. */
export function resizeColumns(source: Raster, kernel: Kernel, top = 0): Raster {
  const { width } = source;
  const height = kernel.first.length;
  const row = width * 3;
  const rows = source.height;
  // The loop takes 16 bytes at a time; what it makes of the bytes past a row's end is not read.
  const most = Math.floor(stripBytes / (rows + 1) / 16) * 16;
  const stride = Math.max(16, Math.min(most, Math.ceil(row / 16) * 16));
  const sourceBytes = (rows + 1) * stride + slack;
  const { at, run, bytes } = place(kernel, stride, sourceBytes, height * stride, top);
  const data = new Uint8Array(row * height);
  for (let left = 0; left < row; left += stride) {
    const length = Math.min(stride, row - left);
    for (let y = 0; y < rows; y++) {
      bytes.set(source.data.subarray(y * row + left, y * row + left + length), at.source + y * stride);
    }
    run.resizeColumns(at.source, stride, at.target, height, at.spans, at.weights, at.weightStride);
    for (let y = 0; y < height; y++) {
      data.set(bytes.subarray(at.target + y * stride, at.target + y * stride + length), y * row + left);
    }
  }
  return { data, width, height };
}

/**
 * Lays out WebAssembly's memory: weights, spans, source, target; writes the first two.
 * @param unit bytes from one input position to the next
 */
function place(kernel: Kernel, unit: number, sourceBytes: number, targetBytes: number, offset = 0) {
  const { first, count, weights, taps } = kernel;
  const outputs = first.length;
  const pairs = Math.ceil(taps / 2);
  const weightStride = pairs * 8;
  const spans = outputs * weightStride;
  const source = spans + outputs * 8;
  const target = source + Math.ceil(sourceBytes / 16) * 16;
  const run = passes();
  const missing = target + targetBytes - run.memory.buffer.byteLength;
  if (missing > 0) run.memory.grow(Math.ceil(missing / 65_536));

  const { buffer } = run.memory;
  const halves = new Int16Array(buffer, 0, outputs * pairs * 4);
  const span = new Int32Array(buffer, spans, outputs * 2);
  halves.fill(0);
  for (let output = 0; output < outputs; output++) {
    const taken = count[output] ?? 0;
    for (let tap = 0; tap < taken; tap++) {
      const weight = weights[output * taps + tap] ?? 0;
      const at = (output * pairs + (tap >> 1)) * 4 + (tap & 1);
      halves[at] = weight >> 11;
      halves[at + 2] = weight & 2047;
    }
    span[output * 2] = ((first[output] ?? 0) - offset) * unit;
    span[output * 2 + 1] = Math.ceil(taken / 2);
  }
  return { at: { weights: 0, weightStride, spans, source, target }, run, bytes: new Uint8Array(buffer) };
}
