/** Writes a translation as an image with its facts in headers, or as JSON. */

import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { mimeTypes } from '../../images/encode.js';
import type { Translation } from '../../translation.js';
import { type Warning, warningSchema } from '../../warnings.js';
import type { Answer } from './negotiate.js';

export const timingsSchema = z
  .object({
    decode: z.number().describe('Reading, fitting and conditioning the image.'),
    queue: z.number().describe('Waiting for a device.'),
    inference: z.number().describe('The batch’s run on the device.'),
    encode: z.number().describe('Writing the picture.'),
    total: z.number(),
  })
  .describe('Milliseconds.')
  .meta({ id: 'Timings' });

const translationSchema = z
  .object({
    images: z.array(
      z.object({
        data: z.string().describe('The picture, base64.'),
        seed: z.int(),
        format: z.enum(['png', 'jpeg', 'webp', 'avif']),
      }),
    ),
    model: z.string(),
    direction: z.string(),
    device: z.string(),
    width: z.int(),
    height: z.int(),
    batch_size: z.int().describe('Samples in the batch this ran in.'),
    timings: timingsSchema,
    warnings: z.array(warningSchema),
    request_id: z.string(),
  })
  .meta({ id: 'Translation' });

export type TranslationDocument = z.infer<typeof translationSchema>;

export function sendTranslation(
  reply: FastifyReply,
  translation: Translation,
  as: Answer['as'],
): FastifyReply {
  const [first] = translation.images;
  if (first === undefined) throw new Error('A translation without images');
  reply.headers({
    'X-Seed': String(first.seed),
    'X-Model': translation.model,
    'X-Batch-Size': String(translation.batchSize),
    'Server-Timing': serverTiming(translation),
    'Cache-Control': 'no-store',
  });
  if (translation.warnings.length > 0)
    reply.header('Warning', translation.warnings.map(warningValue).join(', '));
  if (as === 'image') return reply.type(mimeTypes[translation.format]).send(first.data);
  // A string goes out as it is; through a response schema, megabytes of base64 would be walked twice more.
  return reply
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(toDocument(translation, reply.request.id)));
}

/** Bytes of the pictures; what is told beside them is next to nothing. */
export function answerBytes({ images }: Translation, as: Answer['as']): number {
  const bytes = images.reduce((sum, { data }) => sum + data.length, 0);
  return as === 'json' ? Math.ceil((bytes * 4) / 3) : bytes;
}

function toDocument(translation: Translation, requestId: string): TranslationDocument {
  return {
    images: translation.images.map(({ data, seed }) => ({
      data: data.toString('base64'),
      seed,
      format: translation.format,
    })),
    model: translation.model,
    direction: translation.direction,
    device: translation.device,
    width: translation.width,
    height: translation.height,
    batch_size: translation.batchSize,
    timings: translation.timings,
    warnings: translation.warnings,
    request_id: requestId,
  };
}

function serverTiming({ timings }: Translation): string {
  return (['decode', 'queue', 'inference', 'encode', 'total'] as const)
    .map((name) => `${name};dur=${timings[name].toFixed(2)}`)
    .join(', ');
}

/** One value of the Warning header (RFC 7234, 5.5): 299 is a persistent warning of no other kind. */
function warningValue({ detail }: Warning): string {
  const ascii = detail.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&');
  return `299 - "${ascii}"`;
}
