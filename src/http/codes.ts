/** Every problem the API answers with: its status, its title and what to do about it. */
import type { ErrorCode } from '../errors.js';

export interface ProblemKind {
  status: number;
  title: string;
  /** What the reader of the problem can do; shown on `/docs/problems`. */
  help: string;
}

/** Problems that arise from HTTP or the stream's protocol alone; the rest of the server knows nothing of them. */
export type HttpCode =
  | 'bad_request'
  | 'malformed_body'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'not_acceptable'
  | 'not_found'
  | 'method_not_allowed'
  | 'origin_not_allowed'
  | 'host_not_allowed'
  | 'expectation_failed'
  | 'request_timeout'
  | 'headers_too_large'
  | 'upgrade_required'
  | 'too_many_streams'
  | 'overloaded'
  | 'invalid_message'
  | 'not_configured'
  | 'internal_error';

export type ProblemCode = ErrorCode | HttpCode;

export const problemKinds: Record<ProblemCode, ProblemKind> = {
  unsupported_image_type: {
    status: 415,
    title: 'Unsupported image type',
    help: 'Send a PNG, JPEG, WebP, AVIF or GIF (its first frame is used).',
  },
  invalid_image: {
    status: 400,
    title: 'Invalid image',
    help: 'The type is one we read, but the image is truncated or corrupt: send it again, whole.',
  },
  no_temporary_file: {
    status: 507,
    title: 'No temporary file',
    help: 'Large WebP images are decoded in a file of the server’s TMPDIR, else /tmp, which is full or may not be written. Its operator can mend that; PNG and JPEG need none.',
  },
  image_too_large: {
    status: 413,
    title: 'Image too large',
    help: 'Scale the image down before sending it; MAX_PIXELS is the limit.',
  },
  invalid_request: {
    status: 400,
    title: 'Invalid request',
    help: 'The member `errors` lists every field at fault with the value given and what is allowed.',
  },
  unknown_model: { status: 404, title: 'Unknown model', help: 'GET /v1/models lists the models there are.' },
  unknown_style: { status: 400, title: 'Unknown style', help: 'GET /v1/styles lists the styles there are.' },
  unknown_direction: {
    status: 400,
    title: 'Unknown direction',
    help: 'GET /v1/models lists the directions of every model.',
  },
  unknown_device: {
    status: 404,
    title: 'Unknown device',
    help: 'The `residency` of every model in GET /v1/models lists the devices there are.',
  },
  model_unavailable: {
    status: 503,
    title: 'Model unavailable',
    help: 'The model is known but its bundle does not hold together or could not be loaded; the detail says why.',
  },
  queue_full: {
    status: 429,
    title: 'Queue full',
    help: 'Wait as long as Retry-After says, then send the request again. Where `full` is `share`, your own address has as many pictures in the queue as one may beside others: send fewer at once.',
  },
  deadline_exceeded: {
    status: 504,
    title: 'Deadline exceeded',
    help: 'The picture was not ready in time: allow more with `timeout_ms`, or send it when the server is less busy.',
  },
  aborted: { status: 499, title: 'Client closed request', help: 'Nobody waited for this answer any more.' },
  inference_failed: {
    status: 500,
    title: 'Inference failed',
    help: 'This very request failed in the engine. If it fails again, report it with its request id.',
  },
  engine_unavailable: {
    status: 503,
    title: 'Engine unavailable',
    help: 'No device can run the request at present: send it again after Retry-After.',
  },
  draining: {
    status: 503,
    title: 'Server shutting down',
    help: 'The server takes nothing new: send the request to another one, or again after Retry-After.',
  },
  invalid_config: { status: 500, title: 'Invalid setting', help: 'A setting of the server is wrong.' },
  bad_request: { status: 400, title: 'Bad request', help: 'The request is not valid HTTP, or not for here.' },
  malformed_body: {
    status: 400,
    title: 'Malformed body',
    help: 'The body is not what its Content-Type says: check the JSON, or the form and its boundary.',
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    help: 'Send a smaller image; MAX_BODY_MB is the limit of the body (and of a stream’s frame) as sent.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    help: 'Translate takes multipart/form-data, application/json or the image itself, other routes application/json; all without Content-Encoding.',
  },
  not_acceptable: {
    status: 406,
    title: 'Not acceptable',
    help: 'Accept image/png, image/jpeg, image/webp, image/avif or application/json, or say `format` and `response`.',
  },
  not_found: { status: 404, title: 'Not found', help: 'GET /docs shows every route.' },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    help: 'The header Allow names the methods of this route.',
  },
  origin_not_allowed: {
    status: 403,
    title: 'Origin not allowed',
    help: 'A page of another origin may use the API only where CORS_ORIGIN names it.',
  },
  host_not_allowed: {
    status: 403,
    title: 'Host not allowed',
    help: 'Any page could have its own name point here, so the names of this server stand in ALLOWED_HOSTS; addresses and localhost need not. Behind a proxy set TRUST_PROXY too.',
  },
  expectation_failed: {
    status: 417,
    title: 'Expectation failed',
    help: 'Leave the header Expect out: 100-continue is the only one there is.',
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    help: 'The request did not arrive whole in time: send it again over a faster connection.',
  },
  headers_too_large: { status: 431, title: 'Headers too large', help: 'Send fewer or shorter headers.' },
  upgrade_required: {
    status: 426,
    title: 'Upgrade required',
    help: 'GET /v1/stream speaks WebSocket, version 13 (RFC 6455): open it with a WebSocket client.',
  },
  too_many_streams: {
    status: 503,
    title: 'Too many streams',
    help: 'MAX_STREAMS streams are open, or, where `full` is `share`, your own address’s share of them: close one, or connect again after Retry-After.',
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    help: 'The server cannot keep up: send the request again after Retry-After.',
  },
  invalid_message: {
    status: 400,
    title: 'Invalid message',
    help: 'Send JSON of type `configure` or `frame`, or a frame as a binary message.',
  },
  not_configured: {
    status: 409,
    title: 'Stream not configured',
    help: 'Send a `configure` message before the first frame.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    help: 'A fault of the server; its log has more under the request id in `instance`.',
  },
};

/** Where a problem is explained: a relative reference that the server itself resolves. */
export function problemType(code: ProblemCode): string {
  return `/docs/problems#${code.replaceAll('_', '-')}`;
}
