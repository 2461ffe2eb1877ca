/** The one error class whose `code` callers may rely on; `http/problem.ts` is the only place that turns a code into a status. */

export type ErrorCode =
  /** Not one of the image types we decode. */
  | 'unsupported_image_type'
  /** An image type we decode, but truncated or corrupt. */
  | 'invalid_image'
  /** No room for the temporary file that libvips decodes some large images in. */
  | 'no_temporary_file'
  /** More bytes or pixels than allowed. */
  | 'image_too_large'
  /** A field is unknown, of the wrong type or out of range; `details.errors` lists every one. */
  | 'invalid_request'
  | 'unknown_model'
  | 'unknown_style'
  | 'unknown_direction'
  | 'unknown_device'
  /** The bundle is known but does not hold together, or a device could not load it; the message has the reason. */
  | 'model_unavailable'
  /** Admission is full, or the client holds its share of it; `retryAfterSeconds` comes from measured speed. */
  | 'queue_full'
  | 'deadline_exceeded'
  /** The caller's AbortSignal fired: nobody waits for this answer. */
  | 'aborted'
  /** This very request failed in the engine, or brought it down twice. */
  | 'inference_failed'
  /** No engine can be had at present. */
  | 'engine_unavailable'
  /** The server is shutting down and takes nothing new. */
  | 'draining'
  /** A setting in the environment is wrong; the start stops. */
  | 'invalid_config';

export interface ErrorOptions {
  /** Machine-readable facts about the error; they become members of the problem document. */
  details?: Record<string, unknown>;
  retryAfterSeconds?: number;
  cause?: unknown;
}

export class Img2ImgError extends Error {
  override readonly name = 'Img2ImgError';
  readonly code: ErrorCode;
  readonly details: Record<string, unknown>;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** The error for an id that nothing has; its details say what there is, also as a fault of the field it came in. */
export function unknownId(
  field: 'model' | 'style' | 'direction' | 'device',
  value: string | undefined,
  allowed: readonly string[],
  message: string,
): Img2ImgError {
  const list = field === 'model' ? 'models' : 'available';
  return new Img2ImgError(`unknown_${field}`, message, {
    details: { [field]: value, [list]: allowed, errors: [{ field, value, allowed }] },
  });
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
