/** Splits a form (multipart/form-data, RFC 7578) that has come in whole into its parts. */
import {
  getMultipartBoundary,
  MaxHeaderSizeExceededError,
  MaxPartsExceededError,
  MultipartParseError,
  type MultipartPart,
  parseMultipart,
} from '@remix-run/multipart-parser';
import { HttpError } from '../problem.js';

export interface FormPart {
  name: string;
  isFile: boolean;
  /** Whether it comes under the name of a file; what is a file by its type alone may be text all the same. */
  hasFilename: boolean;
  /** Of its text. */
  charset: string;
  /** A view of the body, no copy. */
  bytes: Buffer;
}

/** There are fewer than 25 fields. */
const MAX_PARTS = 32;
/**
 * Of one part; a browser sends about 150, and the longest file name in two encodings has 3,000. What is full of semicolons
 * takes 300 ns a byte to come apart: 64 parts of 16 kB kept the event loop for 250 ms.
 */
const MAX_HEADER_BYTES = 4 * 1024;

/**
 * Synchronous: a parser of streams waits for what its parts tell it, and a request for a parser that waits for ever.
 * @throws HttpError `malformed_body`
 */
export function partsOfForm(body: Buffer, contentType: string): FormPart[] {
  const boundary = getMultipartBoundary(contentType);
  if (boundary === null) throw malformed('its Content-Type names no boundary');
  // What stands before the first boundary is nobody's (RFC 2046, 5.1.1).
  const start = body.indexOf(`--${boundary}`);
  if (start < 0) throw malformed('its boundary is not in it');
  // The body's own size is bounded where it is read.
  const limits = { maxHeaderSize: MAX_HEADER_BYTES, maxParts: MAX_PARTS, maxFileSize: body.length };
  const parts: FormPart[] = [];
  try {
    for (const part of parseMultipart(body.subarray(start), { boundary, ...limits })) {
      parts.push(formPart(part, parts.length + 1));
    }
  } catch (error) {
    if (error instanceof HttpError) throw error;
    if (error instanceof MaxPartsExceededError) throw malformed(`it has more than ${MAX_PARTS} parts`);
    const headers = `the headers of part ${parts.length + 1}`;
    if (error instanceof MaxHeaderSizeExceededError) throw malformed(`${headers} are too long`);
    if (error instanceof MultipartParseError)
      throw malformed('it ends early, or its lines do not end in CRLF');
    if (isNotUtf8(error)) throw malformed(`${headers} are not UTF-8`);
    throw error;
  }
  return parts;
}

/** The parser reads headers with a TextDecoder that is `fatal`. */
function isNotUtf8(error: unknown): boolean {
  return error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA';
}

function formPart(part: MultipartPart, number: number): FormPart {
  const disposition = part.headers['content-disposition'] ?? '';
  const { name, filename } = part;
  if (name === undefined || name === '' || !/^form-data\s*;/i.test(disposition)) {
    throw malformed(`part ${number} has no "Content-Disposition: form-data" with a name`);
  }
  return {
    name,
    // `image` is a file whatever its part says of itself.
    isFile: part.isFile || name === 'image',
    hasFilename: filename !== undefined,
    charset: /;\s*charset="?([^";]+)/i.exec(part.headers['content-type'] ?? '')?.[1]?.trim() ?? 'utf-8',
    bytes: viewOf(part),
  };
}

/** The body was given in one piece, and so is what a part has of it. */
function viewOf({ content: [bytes = new Uint8Array(0)] }: MultipartPart): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const malformed = (why: string) => new HttpError('malformed_body', `The body is not a valid form: ${why}.`);
