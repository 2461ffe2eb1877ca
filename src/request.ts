/** The fields of one translation, as every way in (HTTP, stream, command line) understands them. */
import { z } from 'zod';

const MAX_PROMPT_CHARACTERS = 2000;
const MAX_VARIATIONS = 8;
/** Of bundles, styles, directions and devices: no id is nearly as long, and an unknown one is told back whole. */
export const MAX_ID_CHARACTERS = 200;

const sizeSchema = z
  .string()
  .regex(/^\d{2,4}x\d{2,4}$/, 'must be WIDTHxHEIGHT in pixels, for example 512x512')
  .describe(
    'Width and height of the picture the model makes, `WIDTHxHEIGHT`; default: what the model was trained at.',
  )
  .meta({ example: '512x512' });

/** What makes the picture: the same for one request and for every frame of a stream. */
const pictureShape = {
  model: z
    .string()
    .max(MAX_ID_CHARACTERS)
    .describe('Bundle id, see `GET /v1/models`; default: the server’s default.')
    .optional(),
  prompt: z
    .string()
    .max(MAX_PROMPT_CHARACTERS)
    .describe('What the picture shows. Models with a fixed prompt take none.')
    .optional(),
  style: z
    .string()
    .max(MAX_ID_CHARACTERS)
    .describe('Style id, see `GET /v1/styles`; its template goes around the prompt.')
    .optional(),
  direction: z
    .string()
    .max(MAX_ID_CHARACTERS)
    .describe('Which way to translate, for models with several directions.')
    .optional(),
  seed: z
    .int()
    .min(-2147483648)
    .max(2147483647)
    .describe('int32 seed of the noise; random if absent, always told back.')
    .optional(),
  gamma: z
    .number()
    .min(0)
    .max(1)
    .describe('Sketch guidance of stochastic models: 1 follows the sketch, 0 the prompt and the noise.')
    .optional(),
  low_threshold: z.number().min(0).max(1000).describe('Lower Canny threshold of edge models.').optional(),
  high_threshold: z.number().min(0).max(1000).describe('Upper Canny threshold of edge models.').optional(),
  invert: z
    .enum(['auto', 'true', 'false'])
    .default('auto')
    .describe('Whether a sketch has light strokes on dark; `auto` looks at the picture.'),
  fit: z
    .enum(['cover', 'contain', 'fill', 'none'])
    .default('cover')
    .describe(
      'How the image meets `size`: crop, pad, stretch, or `none`: its own size, each side rounded down to the multiple that the model says.',
    ),
  size: sizeSchema.optional(),
  restore_size: z
    .boolean()
    .default(false)
    .describe(
      'Scale the result back to the size of the image sent; under fit `cover`, of the part of it that was kept.',
    ),
  format: z
    .enum(['png', 'jpeg', 'webp', 'avif'])
    .describe('Type of the picture that comes back; default: what Accept prefers, else png.')
    .optional(),
  quality: z.int().min(1).max(100).describe('Quality of jpeg, webp and avif.').optional(),
  timeout_ms: z
    .int()
    .min(1)
    .max(600_000)
    .describe('Deadline in milliseconds from arrival; past it the answer is 504.')
    .optional(),
};

/** `invert` is told as a word so that forms, queries and JSON agree; JSON may say it as a boolean too. */
const invertFromBoolean = (value: unknown) =>
  typeof value === 'object' && value !== null && 'invert' in value && typeof value.invert === 'boolean'
    ? { ...value, invert: String(value.invert) }
    : value;

export const translateRequestObject = z.strictObject({
  ...pictureShape,
  n: z
    .int()
    .min(1)
    .max(MAX_VARIATIONS)
    .default(1)
    .describe('Variations of the same request: seeds seed, seed+1, …, made as one batch.'),
  response: z
    .enum(['image', 'json'])
    .describe('The image itself, or JSON with base64 images; json where n > 1.')
    .optional(),
  priority: z
    .enum(['interactive', 'normal'])
    .default('normal')
    .describe('Interactive requests go before normal ones.'),
});

/** One translation over HTTP or from the command line, without its image. */
export const translateRequestSchema = z.preprocess(invertFromBoolean, translateRequestObject);

export const streamConfigurationObject = z.strictObject(pictureShape);

/** What every frame of a stream is translated with. */
export const streamConfigurationSchema = z.preprocess(invertFromBoolean, streamConfigurationObject);

export type TranslateRequest = z.infer<typeof translateRequestObject>;
/** Once checked against a model, `invert` is absent where that takes no sketches. */
export type StreamConfiguration = Omit<z.infer<typeof streamConfigurationObject>, 'invert'> & {
  invert?: z.infer<typeof streamConfigurationObject>['invert'];
};
export type Priority = TranslateRequest['priority'];
