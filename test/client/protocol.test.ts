/** The client's types stand on their own so that it needs no dependency: here they are held against the server's schemas. */
import { expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type { ServerMessage, StreamConfiguration } from '../../src/client/protocol.js';
import type * as server from '../../src/http/stream/messages.js';
import type { TranslationDocument } from '../../src/http/translate/answer.js';
import type { streamConfigurationObject } from '../../src/request.js';
import type { ModelDescription, StyleDescription } from '../../src/service.js';
import type { Model, Style, TranslationAnswer } from '../../src/web/session/catalogue.js';

test('what the client may configure is what the server takes', () => {
  expectTypeOf<keyof StreamConfiguration>().toEqualTypeOf<keyof z.input<typeof streamConfigurationObject>>();
  expectTypeOf<StreamConfiguration>().toExtend<z.input<typeof streamConfigurationObject>>();
  expectTypeOf<z.input<typeof streamConfigurationObject>>().toExtend<StreamConfiguration>();
});

test('the client understands every message of the server', () => {
  expectTypeOf<server.ServerMessage['type']>().toEqualTypeOf<ServerMessage['type']>();
  type Of<Message extends { type: string }, Type> = Extract<Message, { type: Type }>;
  expectTypeOf<Of<server.ServerMessage, 'result'>>().toExtend<Of<ServerMessage, 'result'>>();
  expectTypeOf<Of<server.ServerMessage, 'dropped'>>().toExtend<Of<ServerMessage, 'dropped'>>();
  expectTypeOf<Of<server.ServerMessage, 'error'>>().toExtend<Of<ServerMessage, 'error'>>();
});

test('the studio understands what the server says of its models and styles, and its translations', () => {
  expectTypeOf<ModelDescription>().toExtend<Model>();
  expectTypeOf<StyleDescription>().toExtend<Style>();
  expectTypeOf<TranslationDocument>().toExtend<TranslationAnswer>();
});
