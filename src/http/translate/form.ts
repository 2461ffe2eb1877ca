/** Splits a form (multipart/form-data, RFC 7578) that has come in whole into its parts. */
import { echo } from '../../fields/echo.js';
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
const MAX_PARTS = 64;
/** Of one part; a browser sends about 150. */
const MAX_HEADER_BYTES = 16 * 1024;

const LINE_END = Buffer.from('\r\n');
const HEADERS_END = Buffer.from('\r\n\r\n');
const CLOSING = '--';
const PARAMETER = /;\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))/g;

/**
 * Synchronous: a parser of streams waits for what its parts tell it, and a request for a parser that waits for ever.
 * @throws HttpError `malformed_body`
 */
export function partsOfForm(body: Buffer, contentType: string): FormPart[] {
  const boundary = parametersOf(contentType).get('boundary');
  if (boundary === undefined || boundary === '') throw malformed('its Content-Type names no boundary');
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const parts: FormPart[] = [];
  for (let at = afterFirst(body, delimiter); !startsWith(body, at, CLOSING); ) {
    const number = parts.length + 1;
    if (number > MAX_PARTS) throw malformed(`it has more than ${MAX_PARTS} parts`);
    // Both may share one line end: a part need not have headers.
    const lineEnd = body.indexOf(LINE_END, at);
    const headersEnd = body.indexOf(HEADERS_END, at);
    const end = body.indexOf(delimiter, headersEnd + HEADERS_END.length);
    if (lineEnd < 0 || headersEnd < 0 || end < 0)
      throw malformed('it ends early, or its lines do not end in CRLF');
    if (headersEnd - at > MAX_HEADER_BYTES) throw malformed(`the headers of part ${number} are too long`);
    if (body.toString('latin1', at, lineEnd).trim() !== '') throw malformed('its boundary is in its content');
    const headers = headersOf(body.toString('utf8', lineEnd + LINE_END.length, headersEnd), number);
    parts.push(partOf(headers, body.subarray(headersEnd + HEADERS_END.length, end), number));
    at = end + delimiter.length;
  }
  return parts;
}

/** The first delimiter needs no line end before it. */
function afterFirst(body: Buffer, delimiter: Buffer): number {
  const first = delimiter.subarray(LINE_END.length);
  if (body.subarray(0, first.length).equals(first)) return first.length;
  const at = body.indexOf(delimiter);
  if (at < 0) throw malformed('its boundary is not in it');
  return at + delimiter.length;
}

function startsWith(body: Buffer, at: number, text: string): boolean {
  return body.toString('latin1', at, at + text.length) === text;
}

function headersOf(text: string, number: number): Map<string, string> {
  const lines = text.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  return new Map(
    lines
      .filter((line) => line !== '')
      .map((line) => {
        const colon = line.indexOf(':');
        if (colon < 1) throw malformed(`${JSON.stringify(echo(line))} in part ${number} is not a header`);
        return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
      }),
  );
}

function partOf(headers: Map<string, string>, bytes: Buffer, number: number): FormPart {
  const disposition = headers.get('content-disposition') ?? '';
  const parameters = parametersOf(disposition);
  const name = parameters.get('name');
  if (name === undefined || name === '' || !/^form-data\s*;/i.test(disposition)) {
    throw malformed(`part ${number} has no "Content-Disposition: form-data" with a name`);
  }
  const type = headers.get('content-type') ?? 'text/plain';
  const hasFilename = parameters.has('filename') || parameters.has('filename*');
  return {
    name,
    // `image` is a file whatever its part says of itself.
    isFile: hasFilename || name === 'image' || /^application\/octet-stream\b/i.test(type),
    hasFilename,
    charset: parametersOf(type).get('charset') ?? 'utf-8',
    bytes,
  };
}

/** Of a header's value: what comes after its first `;`. */
function parametersOf(value: string): Map<string, string> {
  return new Map(
    [...value.matchAll(PARAMETER)].map(([, name = '', quoted, plain = '']) => [
      name.toLowerCase(),
      quoted ?? plain.trim(),
    ]),
  );
}

const malformed = (why: string) => new HttpError('malformed_body', `The body is not a valid form: ${why}.`);
