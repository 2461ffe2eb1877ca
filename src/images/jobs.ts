/** What the image workers are asked and how they answer. */
import { type ErrorCode, Img2ImgError, messageOf } from '../errors.js';
import type { Conditioned } from './conditioning.js';
import type { EncodeOptions } from './encode.js';
import type { FitPlan } from './fit.js';
import type { PrepareJob } from './prepare.js';
import type { Raster, Size } from './raster.js';

export type ImageJob =
  | ({ readonly task: 'prepare' } & PrepareJob)
  | {
      readonly task: 'restore';
      readonly result: Raster;
      readonly plan: FitPlan;
      readonly encode: EncodeOptions;
    };

export interface ImageJobResults {
  prepare: Conditioned;
  /** Encoded. */
  restore: Size & { readonly data: Uint8Array };
}

/** A worker gets one job at a time, so an answer needs no number. */
export type Answer =
  | { readonly result: ImageJobResults[ImageJob['task']] }
  | { readonly error: ErrorMessage };

/** An error between threads: the structured clone of one would lose its class and its code. */
export interface ErrorMessage {
  readonly message: string;
  readonly code?: ErrorCode;
  readonly details?: Record<string, unknown>;
}

export function errorToMessage(error: unknown): ErrorMessage {
  if (!(error instanceof Img2ImgError)) return { message: messageOf(error) };
  const { message, code, details } = error;
  return { message, code, details };
}

export function errorFromMessage({ message, code, details }: ErrorMessage): Error {
  if (code === undefined) return new Error(message);
  return new Img2ImgError(code, message, details === undefined ? {} : { details });
}

/**
 * Buffers that may be handed over instead of copied: those that nobody else has a view of. Memory that sharp gave is
 * copied all the same (by V8, on the thread that posts), so only what was made in JavaScript is worth it.
 */
export function transferables(data: Uint8Array): ArrayBuffer[] {
  const { buffer } = data;
  const whole = data.byteOffset === 0 && data.byteLength === buffer.byteLength;
  return whole && buffer instanceof ArrayBuffer ? [buffer] : [];
}
