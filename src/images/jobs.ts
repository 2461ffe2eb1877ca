/** What the image workers are asked and how they answer. */
import type { Conditioned, Conditioning } from './conditioning.js';
import type { FitPlan } from './fit.js';
import type { Raster } from './raster.js';

export type ImageJob =
  | {
      readonly task: 'condition';
      readonly picture: Raster;
      readonly plan: FitPlan;
      readonly conditioning: Conditioning;
    }
  | { readonly task: 'restore'; readonly picture: Raster; readonly plan: FitPlan };

export interface ImageJobResults {
  condition: Conditioned;
  restore: Raster;
}

/** A worker gets one job at a time, so an answer needs no number. */
export type Answer = { readonly result: ImageJobResults[ImageJob['task']] } | { readonly error: unknown };

/** Buffers that may be handed over instead of copied: those that nobody else has a view of. */
export function transferables(data: Uint8Array): ArrayBuffer[] {
  const { buffer } = data;
  const whole = data.byteOffset === 0 && data.byteLength === buffer.byteLength;
  return whole && buffer instanceof ArrayBuffer ? [buffer] : [];
}
