/** Reads one text message of a stream's client. */

import { echo } from '../../fields/echo.js';
import { invalidRequest } from '../../fields/fault.js';
import { fieldFaults, fieldTable } from '../../fields/fields.js';
import { type StreamConfiguration, streamConfigurationSchema } from '../../request.js';
import { bytesOfImageText } from '../image-text.js';
import { parseJsonObject } from '../json-object.js';
import { HttpError } from '../problem.js';
import { configureMessageObject, type FrameId, frameIdSchema, frameMessageSchema } from './messages.js';

export type ClientMessage =
  | { type: 'configure'; settings: StreamConfiguration }
  | { type: 'frame'; id: FrameId; image: Uint8Array };

const configureTable = fieldTable(configureMessageObject);
const frameTable = fieldTable(frameMessageSchema);

/** An error in a `frame` message, with the frame's own id where it could be read. */
export class FrameMessageError extends Error {
  override readonly name = 'FrameMessageError';
  readonly id: FrameId | undefined;

  constructor(cause: unknown, id: FrameId | undefined) {
    super('A frame message is at fault', { cause });
    this.id = id;
  }
}

/**
 * @throws HttpError `invalid_message` for anything but a known type · Img2ImgError `invalid_request` for its fields ·
 * FrameMessageError around either where the message is a frame
 */
export function parseClientMessage(text: string): ClientMessage {
  const message = parseJsonObject(text, {
    code: 'invalid_message',
    name: 'message',
    expected: 'A text message must be a JSON object with a `type`.',
  });
  const { type, ...fields } = message;
  if (type === 'configure') {
    const parsed = streamConfigurationSchema.safeParse(fields);
    if (!parsed.success) throw invalidRequest(fieldFaults(parsed.error, fields, configureTable));
    return { type, settings: parsed.data };
  }
  if (type === 'frame') {
    try {
      return parseFrame(message);
    } catch (error) {
      const id = frameIdSchema.safeParse(message.id);
      throw new FrameMessageError(error, id.success ? id.data : undefined);
    }
  }
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
