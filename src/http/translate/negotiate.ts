/** Chooses what comes back: which image type, and whether as an image or as JSON. */

import { invalidRequest } from '../../fields/fault.js';
import { mimeTypes } from '../../images/encode.js';
import type { TranslateRequest } from '../../request.js';
import type { OutputFormat } from '../../translation.js';
import { HttpError } from '../problem.js';

export interface Answer {
  format: OutputFormat;
  as: 'image' | 'json';
}

const formats: OutputFormat[] = ['png', 'jpeg', 'webp', 'avif'];
const candidates = [
  ...formats.map((format) => ({ type: mimeTypes[format], format, as: 'image' as const })),
  { type: 'application/json', format: 'png' as const, as: 'json' as const },
];

/**
 * What the fields say wins over Accept; more than one picture only fits into JSON.
 * Where Accept likes two types equally, the one it names most exactly wins, then png, jpeg, webp, avif, json.
 * @throws HttpError `not_acceptable` where nothing we make is acceptable and the fields do not decide · Img2ImgError
 *   `invalid_request` for several pictures as one image
 */
export function negotiate(
  fields: Pick<TranslateRequest, 'format' | 'response' | 'n'>,
  accept: string | undefined,
): Answer {
  if (fields.n > 1) refuseAsImage(fields, accept);
  const decided = fields.n > 1 ? 'json' : fields.response;
  if (decided === 'json')
    return { as: 'json', format: fields.format ?? acceptable(accept, 'image')?.format ?? 'png' };
  if (decided === 'image') {
    const format = fields.format ?? acceptable(accept, 'image')?.format;
    if (format !== undefined) return { as: 'image', format };
    throw notAcceptable(accept);
  }
  const best = acceptable(accept);
  if (fields.format !== undefined) return { as: best?.as ?? 'image', format: fields.format };
  if (best === undefined) throw notAcceptable(accept);
  return best;
}

/** Whoever asks for one image must not be handed JSON, and whoever asks for several pictures must not get one. */
function refuseAsImage(
  { n, response }: Pick<TranslateRequest, 'response' | 'n'>,
  accept: string | undefined,
): void {
  if (response === 'image') {
    const message = `response must be json where n is ${n}: one image holds one picture`;
    throw invalidRequest([{ field: 'response', value: response, message, allowed: 'json, or n=1' }]);
  }
  if (response === 'json' || acceptable(accept, 'json') !== undefined) return;
  throw notAcceptable(accept, 'json', `${n} pictures come as `);
}

function notAcceptable(accept: string | undefined, as?: Answer['as'], what = 'We make '): HttpError {
  const types = candidates.flatMap((candidate) =>
    as === undefined || candidate.as === as ? [candidate.type] : [],
  );
  return new HttpError('not_acceptable', `${what}${types.join(', ')}, but Accept allows only ${accept}.`, {
    details: { available: types },
  });
}

interface Range {
  /** `image/png`, `image/*` or any. */
  type: string;
  quality: number;
}

function parseAccept(accept: string): Range[] {
  return accept.split(',').flatMap((part) => {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    if (type === '') return [];
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    return [{ type, quality: quality === undefined ? 1 : Number(quality) || 0 }];
  });
}

function acceptable(accept: string | undefined, as?: Answer['as']): Answer | undefined {
  const ranges = parseAccept(accept === undefined || accept.trim() === '' ? '*/*' : accept);
  let best: { answer: Answer; quality: number; exactness: number } | undefined;
  for (const { type, ...answer } of candidates) {
    if (as !== undefined && answer.as !== as) continue;
    // The most exact range that covers a type decides on it (RFC 9110, 12.5.1).
    const names = ['*/*', `${type.split('/')[0]}/*`, type];
    const covering = ranges
      .map((range) => ({ exactness: names.indexOf(range.type), quality: range.quality }))
      .reduce((most, range) => (range.exactness > most.exactness ? range : most), {
        exactness: -1,
        quality: 0,
      });
    const { exactness, quality } = covering;
    if (quality <= 0) continue;
    if (
      best === undefined ||
      quality > best.quality ||
      (quality === best.quality && exactness > best.exactness)
    ) {
      best = { answer, quality, exactness };
    }
  }
  return best?.answer;
}
