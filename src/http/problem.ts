/** RFC 9457 problem details from anything that was thrown; the only place that turns an error code into a status. */
import { z } from 'zod';
import { Img2ImgError } from '../errors.js';
import { echo } from '../fields/echo.js';
import { fieldFaultSchema } from '../fields/fault.js';
import { type HttpCode, type ProblemCode, problemKinds, problemType } from './codes.js';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Seconds a client is told to wait where the error itself does not know better. */
const DEFAULT_RETRY_SECONDS = 5;

/** The body of every error; `details` of an error add members of their own. */
export const problemSchema = z
  .looseObject({
    type: z.string().describe('Where this kind of problem is explained, a reference relative to the server.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What went wrong this time.'),
    instance: z.string().describe('Request id, the same as in X-Request-Id and in the log.').optional(),
    code: z.string().describe('Machine-readable name of the kind of problem.'),
    errors: z.array(fieldFaultSchema).describe('Every field at fault, where fields are.').optional(),
  })
  .meta({ id: 'Problem' });

export type ProblemDocument = z.infer<typeof problemSchema>;

export interface Problem {
  code: ProblemCode;
  status: number;
  document: ProblemDocument;
  headers: Record<string, string>;
  /** Whether the server is at fault in a way its log must explain. */
  unexpected: boolean;
}

export interface HttpErrorOptions {
  details?: Record<string, unknown>;
  headers?: Record<string, string>;
  retryAfterSeconds?: number;
}

/** An error that only exists because we speak HTTP. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: HttpCode;
  readonly details: Record<string, unknown>;
  readonly headers: Record<string, string>;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: HttpCode, message: string, options: HttpErrorOptions = {}) {
    super(message);
    this.code = code;
    this.details = options.details ?? {};
    this.headers = options.headers ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** Turns anything thrown into a problem; what is not ours to tell becomes a plain `internal_error`. */
export function toProblem(error: unknown, requestId?: string): Problem {
  if (error instanceof Img2ImgError && error.code !== 'invalid_config') {
    const details = withMessages(error.details, error.message);
    return build(error.code, error.message, details, {}, error.retryAfterSeconds, requestId);
  }
  if (error instanceof HttpError) {
    return build(error.code, error.message, error.details, error.headers, error.retryAfterSeconds, requestId);
  }
  const known = frameworkProblem(error);
  if (known !== undefined) return build(known.code, known.detail, {}, {}, undefined, requestId);
  const problem = build(
    'internal_error',
    'The server failed to answer this request.',
    {},
    {},
    undefined,
    requestId,
  );
  return { ...problem, unexpected: true };
}

/** A fault that stands alone need not repeat the error's own sentence, nor cut its value; its reader gets it so all the same. */
function withMessages(details: Record<string, unknown>, message: string): Record<string, unknown> {
  if (!Array.isArray(details.errors)) return details;
  const errors = (details.errors as Record<string, unknown>[]).map((fault) => ({
    message,
    ...fault,
    ...('value' in fault ? { value: echo(fault.value) } : {}),
  }));
  return { ...details, errors };
}

/** Codes of Fastify and its plugins that are the client's doing. */
const frameworkCodes: Record<string, HttpCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_body',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_body',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed_body',
  FST_ERR_BAD_URL: 'bad_request',
  FST_ERR_MAX_PARAM_LENGTH: 'bad_request',
};

function frameworkProblem(error: unknown): { code: HttpCode; detail: string } | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? frameworkCodes[error.code] : undefined;
  if (code !== undefined) return { code, detail: error.message };
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (typeof status !== 'number' || status < 400 || status >= 500) return undefined;
  return { code: status === 404 ? 'not_found' : 'bad_request', detail: error.message };
}

/** Codes whose answer tells when to come back. */
const retryable = new Set<ProblemCode>([
  'queue_full',
  'engine_unavailable',
  'draining',
  'too_many_streams',
  'overloaded',
]);

function build(
  code: ProblemCode,
  detail: string,
  details: Record<string, unknown>,
  headers: Record<string, string>,
  retryAfterSeconds: number | undefined,
  requestId: string | undefined,
): Problem {
  const { status, title } = problemKinds[code];
  const document: ProblemDocument = {
    ...details,
    type: problemType(code),
    title,
    status,
    detail,
    ...(requestId === undefined ? {} : { instance: requestId }),
    code,
  };
  const all = { ...headers };
  if (retryable.has(code) || retryAfterSeconds !== undefined) {
    const seconds = Math.max(1, Math.ceil(retryAfterSeconds ?? DEFAULT_RETRY_SECONDS));
    all['Retry-After'] = String(seconds);
    document.retry_after_seconds = seconds;
  }
  if (code === 'draining') all.Connection = 'close';
  return { code, status, document, headers: all, unexpected: false };
}
