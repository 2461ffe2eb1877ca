/** What the image workers are asked and how they answer. */
import { type ErrorCode, Img2ImgError, messageOf } from '../errors.js';
import type { Conditioned } from './conditioning.js';
import type { EncodeOptions } from './encode.js';
import { type FitPlan, restoredSize } from './fit.js';
import type { PrepareJob } from './prepare.js';
import type { Raster, Size } from './raster.js';

export type ImageJob =
  | ({ readonly task: 'prepare' } & PrepareJob)
  | {
      readonly task: 'finish';
      readonly result: Raster;
      /** The plan of the picture whose size the result is scaled back to. */
      readonly restore?: FitPlan | undefined;
      readonly encode: EncodeOptions;
    };

export interface ImageJobResults {
  prepare: Conditioned;
  /** Encoded. */
  finish: Size & { readonly data: Uint8Array };
}

/** Pixels of a picture sent that take about 0.2 s to decode and fit. */
const LONG_DECODE = 2 ** 24;
/** Pixels of a result that take about 0.2 s to scale and encode as AVIF, the slowest. */
const LONG_ENCODE = 2 ** 20;

/** Whether a job may keep its thread for longer than a live frame should wait. */
export function isLong(job: ImageJob): boolean {
  if (job.task === 'prepare') return pixels(job.plan.source) > LONG_DECODE;
  return isLongEncode(job.restore === undefined ? job.result : restoredSize(job.restore));
}

export function isLongEncode(result: Size): boolean {
  return pixels(result) > LONG_ENCODE;
}

const pixels = ({ width, height }: Size): number => width * height;

/**
 * A job as it is posted, and what of it is handed over: a copy of its bytes. Of a view the whole buffer would be cloned,
 * on the thread that posts: of a batch of eight pictures with each of them all eight.
 */
export function toMessage(job: ImageJob): { message: ImageJob; owned: ArrayBuffer[] } {
  if (job.task === 'prepare') {
    const encoded = new Uint8Array(job.encoded);
    return { message: { ...job, encoded }, owned: [encoded.buffer] };
  }
  const data = new Uint8Array(job.result.data);
  return { message: { ...job, result: { ...job.result, data } }, owned: [data.buffer] };
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
