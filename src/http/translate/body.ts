/** Reads the image and the fields of one translation out of a request: a form, JSON or the image itself. */
import type { FastifyRequest } from 'fastify';
import { echo } from '../../fields/echo.js';
import { type FieldFault, invalidRequest } from '../../fields/fault.js';
import { coerceWords, fieldFaults, fieldTable, givenTwice, unknownField } from '../../fields/fields.js';
import { describeText, readableType } from '../../images/sniff.js';
import { type TranslateRequest, translateRequestObject, translateRequestSchema } from '../../request.js';
import { bytesOfImageText } from '../image-text.js';
import { parseJsonObject } from '../json-object.js';
import { HttpError } from '../problem.js';
import { partsOfForm } from './form.js';

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

/** @throws Img2ImgError `invalid_request` naming every fault · HttpError `malformed_body`, `unsupported_media_type` */
export function readTranslateBody(request: FastifyRequest): TranslateBody {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpError(
      'unsupported_media_type',
      `Content-Encoding ${encoding} is not supported: send the body as it is.`,
    );
  }
  const query = fromQuery(request.query as Record<string, unknown>);
  const body = partsOf(request);
  const faults = [...query.faults, ...body.faults];
  for (const name of Object.keys(query.fields)) {
    if (Object.hasOwn(body.fields, name)) faults.push(givenTwice(name, body.fields[name]));
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

function fromQuery(query: Record<string, unknown>): Parts {
  const faults = Object.entries(query).flatMap(([name, value]) =>
    Array.isArray(value) ? [givenTwice(name, value[0])] : [],
  );
  const single = Object.entries(query).map(([name, value]) => [
    name,
    Array.isArray(value) ? value[0] : value,
  ]);
  return { fields: coerceWords(Object.fromEntries(single), table), faults };
}

/** A body that is neither a form nor JSON is an image until its bytes say otherwise. */
function partsOf({ body, headers }: FastifyRequest): Parts {
  const contentType = headers['content-type'] ?? '';
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const bytes = Buffer.isBuffer(body) ? body : undefined;
  if (type === 'multipart/form-data') return fromForm(bytes ?? Buffer.alloc(0), contentType);
  if (type === 'application/json' || type.endsWith('+json')) return fromJson(bytes?.toString('utf8') ?? '');
  return { fields: {}, faults: [], ...(bytes === undefined ? {} : { image: bytes }) };
}

function fromJson(body: string): Parts {
  const { image: text, ...fields } = parseJsonObject(body, {
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

/** Goes on to the form's end where a part is at fault, so that every fault is told. */
function fromForm(body: Buffer, contentType: string): Parts {
  const words = new Map<string, unknown>();
  const faults: FieldFault[] = [];
  let image: Buffer | undefined;
  for (const { name, isFile, hasFilename, charset, bytes } of partsOfForm(body, contentType)) {
    if (isFile) {
      if (table.names.includes(name)) faults.push(fileForText(name));
      else if (name !== 'image') faults.push(unknownField(name, 'a file', ['image', ...table.names]));
      else if (!hasFilename && isText(bytes)) faults.push(textForFile(bytes));
      else if (image !== undefined) faults.push(givenTwice(name, 'a file'));
      else image = bytes;
      continue;
    }
    const text = decodeText(bytes.subarray(0, MAX_FIELD_BYTES), charset);
    if (words.has(name)) faults.push(givenTwice(name, text));
    else if (bytes.length > MAX_FIELD_BYTES) faults.push(tooLong(name, text));
    else words.set(name, text);
  }
  const fields = coerceWords(Object.fromEntries(words), table);
  return { fields, faults, ...(image === undefined ? {} : { image }) };
}

/** @throws HttpError `malformed_body` for a charset that nobody knows */
function decodeText(bytes: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    throw new HttpError(
      'malformed_body',
      `The body is not a valid form: there is no charset ${JSON.stringify(echo(charset))}.`,
    );
  }
}

function tooLong(name: string, text: string): FieldFault {
  const allowed = `at most ${MAX_FIELD_BYTES} bytes`;
  return { field: name, value: echo(text), message: `${name} must be ${allowed}`, allowed };
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
