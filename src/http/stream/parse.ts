/** Reads one text message of a stream's client. */

import { echo } from '../../fields/echo.js';
import { invalidRequest } from '../../fields/fault.js';
import { fieldFaults, fieldTable } from '../../fields/fields.js';
import { type StreamConfiguration, streamConfigurationSchema } from '../../request.js';
import { bytesOfImageText } from '../image-text.js';
import { parseJsonObject } from '../json-object.js';
import { HttpError } from '../problem.js';
import { configureMessageObject, type FrameId, frameIdSchema, frameMessageSchema } from './messages.js';

/**
 * What a text message says, or what is wrong with it. `id` is a frame's own, also of one at fault if it could be read; `of`
 * is the type that a message at fault gives itself.
 */
export type ClientMessage =
  | { type: 'configure'; id?: undefined; settings: StreamConfiguration }
  | { type: 'frame'; id: FrameId; image: Uint8Array }
  | { type: 'fault'; id: FrameId | undefined; of: unknown; error: unknown };

const configureTable = fieldTable(configureMessageObject);
const frameTable = fieldTable(frameMessageSchema);

/** The error of a fault: HttpError `invalid_message` for anything but a known type · Img2ImgError `invalid_request` for its fields. */
export function parseClientMessage(text: string): ClientMessage {
  let id: FrameId | undefined;
  let of: unknown;
  try {
    const message = parseJsonObject(text, {
      code: 'invalid_message',
      name: 'message',
      expected: 'A text message must be a JSON object with a `type`.',
    });
    of = message.type;
    if (of === 'frame') id = frameIdSchema.safeParse(message.id).data;
    return parseMessage(message);
  } catch (error) {
    return { type: 'fault', id, of, error };
  }
}

function parseMessage(message: Record<string, unknown>): ClientMessage {
  const { type, ...fields } = message;
  if (type === 'configure') {
    const parsed = streamConfigurationSchema.safeParse(fields);
    if (!parsed.success) throw invalidRequest(fieldFaults(parsed.error, fields, configureTable));
    return { type, settings: parsed.data };
  }
  if (type === 'frame') return parseFrame(message);
  const fault =
    type === undefined ? 'The message has no type' : `There is no message type ${JSON.stringify(echo(type))}`;
  throw new HttpError('invalid_message', `${fault}; the types are configure and frame.`, {
    details: { allowed: ['configure', 'frame'] },
  });
}

function parseFrame(message: Record<string, unknown>): ClientMessage {
  const parsed = frameMessageSchema.safeParse(message);
  if (!parsed.success) throw invalidRequest(fieldFaults(parsed.error, message, frameTable));
  const image = bytesOfImageText(parsed.data.image);
  if (image !== undefined) return { type: 'frame', id: parsed.data.id, image };
  const allowed = 'base64 without line breaks, or a data URI `data:image/png;base64,…`';
  throw invalidRequest([
    { field: 'image', value: echo(parsed.data.image), message: `image must be ${allowed}`, allowed },
  ]);
}
