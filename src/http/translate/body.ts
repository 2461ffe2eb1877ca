/** Reads the image and the fields of one translation out of a request: a form, JSON or the image itself. */
import type { FastifyRequest } from 'fastify';
import { Img2ImgError } from '../../errors.js';
import { describeText, readableType } from '../../images/sniff.js';
import { type TranslateRequest, translateRequestObject, translateRequestSchema } from '../../request.js';
import { echo } from '../echo.js';
import { coerceWords, fieldFaults, fieldTable, unknownField } from '../fields.js';
import { bytesOfImageText } from '../image-text.js';
import { parseJsonObject } from '../json-object.js';
import { type FieldFault, HttpError, invalidRequest } from '../problem.js';
import { byteCounter } from './read-body.js';

export interface TranslateBody {
  image: Uint8Array;
  fields: TranslateRequest;
}

const table = fieldTable(translateRequestObject);

/** The fields as they came, before the schema has seen them, and the image if there was one. */
interface Parts {
  image?: Uint8Array;
  fields: Record<string, unknown>;
  faults: FieldFault[];
}

/** Bytes of one text field of a form; the longest, a prompt of 2,000 characters, has at most 8,000. */
const MAX_FIELD_BYTES = 64 * 1024;
/** Parts of one form; there are fewer than 25 fields. */
const MAX_PARTS = 64;

/**
 * @throws Img2ImgError `invalid_request` naming every fault · HttpError `malformed_body`, `body_too_large`,
 * `unsupported_media_type`
 */
export async function readTranslateBody(request: FastifyRequest, maxBytes: number): Promise<TranslateBody> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpError(
      'unsupported_media_type',
      `Content-Encoding ${encoding} is not supported: send the body as it is.`,
    );
  }
  const query = fromQuery(request.query as Record<string, unknown>);
  const body = request.isMultipart() ? await fromForm(request, maxBytes) : fromBuffer(request);
  const faults = [...query.faults, ...body.faults];
  for (const name of Object.keys(query.fields)) {
    if (Object.hasOwn(body.fields, name)) faults.push(twice(name, body.fields[name]));
  }
  const parsed = translateRequestSchema.safeParse({ ...query.fields, ...body.fields });
  if (!parsed.success) {
    faults.push(...fieldFaults(parsed.error, { ...query.fields, ...body.fields }, table));
  }
  if (body.image === undefined || body.image.length === 0) {
    if (!body.faults.some((fault) => fault.field === 'image')) faults.push(missingImage(body.image));
  }
  if (!parsed.success || body.image === undefined || faults.length > 0) throw invalidRequest(faults);
  return { image: body.image, fields: parsed.data };
}

function missingImage(image: Uint8Array | undefined): FieldFault {
  const message = image === undefined ? 'There is no image' : 'The image is empty';
  const allowed = 'a file part `image`, a JSON field `image` (base64 or data URI), or the image as the body';
  return { field: 'image', message: `${message}; send ${allowed}`, allowed };
}

function twice(name: string, value: unknown): FieldFault {
  return { field: name, value: echo(value), message: `${name} is given twice`, allowed: 'one value' };
}

function fromQuery(query: Record<string, unknown>): Parts {
  const faults = Object.entries(query).flatMap(([name, value]) =>
    Array.isArray(value) ? [twice(name, value[0])] : [],
  );
  const single = Object.entries(query).map(([name, value]) => [
    name,
    Array.isArray(value) ? value[0] : value,
  ]);
  return { fields: coerceWords(Object.fromEntries(single), table), faults };
}

function fromBuffer(request: FastifyRequest): Parts {
  const body = Buffer.isBuffer(request.body) ? request.body : undefined;
  if (!isJson(request.headers['content-type'])) {
    return { fields: {}, faults: [], ...(body === undefined ? {} : { image: body }) };
  }
  const { image: text, ...fields } = parseJsonObject(body?.toString('utf8') ?? '', {
    code: 'malformed_body',
    name: 'body',
    expected: 'The body must be a JSON object with `image` and the fields.',
  });
  if (text === undefined) return { fields, faults: [] };
  const image = typeof text === 'string' ? bytesOfImageText(text) : undefined;
  if (image !== undefined) return { image, fields, faults: [] };
  const allowed = 'base64 without line breaks, or a data URI `data:image/png;base64,…`';
  return {
    fields,
    faults: [{ field: 'image', value: echo(text), message: `image must be ${allowed}`, allowed }],
  };
}

function isJson(contentType: string | undefined): boolean {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  return type === 'application/json' || (type?.endsWith('+json') ?? false);
}

/** Reads the form to its end even where a part is at fault, so that every fault is told. */
async function fromForm(request: FastifyRequest, maxBytes: number): Promise<Parts> {
  const { raw } = request;
  const count = byteCounter('form', maxBytes, request.bodyShare);
  let take = (_chunk: Buffer) => {};
  const overflow = new Promise<never>((_resolve, reject) => {
    take = (chunk) => {
      try {
        count(chunk);
      } catch (error) {
        raw.off('data', take);
        raw.unpipe();
        reject(error);
      }
    };
  });
  try {
    const reading = readParts(request, maxBytes);
    // Only now: a listener for data starts the stream, and the form's parser must not miss its first bytes.
    raw.on('data', take);
    return await Promise.race([reading, overflow]);
  } catch (error) {
    throw formError(error);
  } finally {
    raw.off('data', take);
  }
}

async function readParts(request: FastifyRequest, maxBytes: number): Promise<Parts> {
  const parts: Parts = { fields: {}, faults: [] };
  const words: Record<string, unknown> = {};
  const limits = { fileSize: maxBytes, fieldSize: MAX_FIELD_BYTES, parts: MAX_PARTS };
  // `image` is a file whatever its part says of itself.
  const isPartAFile = (name?: string, type?: string, file?: string) =>
    name === 'image' || file !== undefined || type === 'application/octet-stream';
  for await (const part of request.parts({ limits, isPartAFile })) {
    const name = part.fieldname;
    if (part.type === 'file') {
      const bytes = await part.toBuffer();
      if (table.names.includes(name)) parts.faults.push(fileForText(name));
      else if (name !== 'image') parts.faults.push(unknownField(name, 'a file', ['image', ...table.names]));
      else if (part.filename === undefined && isText(bytes)) parts.faults.push(textForFile(bytes));
      else if (parts.image !== undefined) parts.faults.push(twice(name, 'a file'));
      else parts.image = bytes;
    } else if (Object.hasOwn(words, name)) parts.faults.push(twice(name, part.value));
    else if (part.valueTruncated) {
      const allowed = `at most ${MAX_FIELD_BYTES} bytes`;
      parts.faults.push({
        field: name,
        value: echo(part.value),
        message: `${name} must be ${allowed}`,
        allowed,
      });
    } else words[name] = part.value;
  }
  return { ...parts, fields: coerceWords(words, table) };
}

function fileForText(name: string): FieldFault {
  const allowed = 'a text part';
  return { field: name, value: 'a file', message: `${name} must be ${allowed}, not a file`, allowed };
}

/** Such as a file's name without curl's `@` before it. */
function textForFile(bytes: Buffer): FieldFault {
  const allowed = 'a file part, as in curl’s -F image=@FILE';
  const message = `image must be ${allowed}, not text`;
  return { field: 'image', value: echo(bytes.toString('utf8')), message, allowed };
}

function isText(bytes: Buffer): boolean {
  return bytes.length > 0 && readableType(bytes) === undefined && describeText(bytes) !== undefined;
}

function formError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof Img2ImgError || error instanceof HttpError) return error;
  const code = 'code' in error ? error.code : undefined;
  if (code === 'FST_MP_PREMATURE_CLOSE')
    return new Img2ImgError('aborted', 'The client left while sending the form.');
  if (code === 'FST_REQ_FILE_TOO_LARGE') return error;
  return new HttpError('malformed_body', `The body is not a valid form: ${error.message}`);
}
