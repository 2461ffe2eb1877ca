/** The messages of `GET /v1/stream`, both ways; `../../client/protocol.ts` mirrors them for clients, without zod. */
import { z } from 'zod';
import { streamConfigurationObject } from '../../request.js';
import type { Translation } from '../../translation.js';
import { warningSchema } from '../../warnings.js';
import { problemSchema } from '../problem.js';
import { timingsSchema } from '../translate/answer.js';

/** A frame's name: its number among the connection's binary messages (1, 2, 3, …), or what its `frame` message said. */
export const frameIdSchema = z.union([z.string().max(200), z.number()]);

/** Replaces the whole configuration; frames that come after it are translated with it. */
export const configureMessageObject = z.strictObject({
  type: z.literal('configure'),
  ...streamConfigurationObject.shape,
});

/** A frame as text, where a client cannot send binary messages. */
export const frameMessageSchema = z.strictObject({
  type: z.literal('frame'),
  id: frameIdSchema,
  image: z.string().describe('The image, base64 or a data URI.'),
});

const readyMessageSchema = z
  .looseObject({
    type: z.literal('ready'),
    model: z.string(),
    direction: z.string(),
    seed: z.int(),
    format: z.enum(['png', 'jpeg', 'webp', 'avif']),
    size: z.string().optional(),
  })
  .describe(
    'The settings a `configure` came to, with everything filled in that the model takes: `prompt` and `style` are absent where none were given, `size` under fit `none`, `quality` with png.',
  )
  .meta({ id: 'StreamReady' });

const resultMessageSchema = z
  .object({
    type: z.literal('result'),
    frame: frameIdSchema,
    model: z.string(),
    seed: z.int(),
    format: z.enum(['png', 'jpeg', 'webp', 'avif']),
    width: z.int(),
    height: z.int(),
    batch_size: z.int().describe('Samples in the batch this ran in.'),
    timings: timingsSchema,
    warnings: z.array(warningSchema).optional(),
  })
  .describe('Stands before the binary message with the picture.')
  .meta({ id: 'StreamResult' });

const droppedMessageSchema = z
  .object({
    type: z.literal('dropped'),
    frames: z.array(frameIdSchema),
    reason: z
      .enum(['overtaken', 'unchanged'])
      .describe('By a newer frame; or equal to the frame before under an equal configuration.'),
  })
  .describe('Frames that get no picture.')
  .meta({ id: 'StreamDropped' });

const errorMessageSchema = z
  .object({
    type: z.literal('error'),
    problem: problemSchema,
    frame: frameIdSchema.describe('Absent where the fault is not a frame’s.').optional(),
  })
  .meta({ id: 'StreamError' });

const serverMessageSchema = z
  .discriminatedUnion('type', [
    readyMessageSchema,
    resultMessageSchema,
    droppedMessageSchema,
    errorMessageSchema,
  ])
  .describe('What a stream says as text.')
  .meta({ id: 'StreamAnswer' });

export type FrameId = z.infer<typeof frameIdSchema>;
export type ServerMessage = z.infer<typeof serverMessageSchema>;

/** What stands before the picture of `frame`. */
export function resultMessage(frame: FrameId, translation: Translation, seed: number): ServerMessage {
  const { model, format, width, height, batchSize, timings, warnings } = translation;
  return {
    type: 'result',
    frame,
    model,
    seed,
    format,
    width,
    height,
    batch_size: batchSize,
    timings,
    ...(warnings.length > 0 ? { warnings } : {}),
  };
}
