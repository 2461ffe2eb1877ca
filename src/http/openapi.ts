/** What the routes' schemas cannot say by themselves: the bodies, headers and examples of translate, and every route's problems. */
import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { mimeTypes } from '../images/encode.js';
import { translateRequestObject } from '../request.js';
import { readPackageVersion } from '../version.js';
import { problemKinds, problemType } from './codes.js';
import { PROBLEM_MEDIA_TYPE } from './problem.js';
import { SAMPLE_SKETCH } from './sample-sketch.js';
import { streamDescription, streamSchemas } from './stream/openapi.js';

type Json = Record<string, unknown>;

interface Operation extends Json {
  responses?: Record<string, Json>;
}

export interface OpenApiDocument extends Json {
  components?: { schemas?: Record<string, unknown> };
  paths?: Record<string, Record<string, Operation>>;
}

export const apiDescription = {
  openapi: '3.1.0',
  info: {
    title: 'img2img-turbo-server',
    version: readPackageVersion(),
    description:
      'One-step image translation: a sketch (or a picture) and a prompt in, a picture out. ' +
      'Every error is a problem document (RFC 9457).',
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/' }],
  tags: [
    { name: 'translate', description: 'One image in, one picture out.' },
    { name: 'stream', description: 'Live preview over WebSocket.' },
    { name: 'models', description: 'Bundles and where they are resident.' },
    { name: 'styles', description: 'Templates around the prompt.' },
    { name: 'operations', description: 'Health and measurements.' },
  ],
};

const problemContent = { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } };

/** Adds what is missing to the document that was made of the routes' schemas. */
export function completeDocument(document: OpenApiDocument): OpenApiDocument {
  // First, so that their responses get what every operation's do.
  const translate = document.paths?.['/v1/translate']?.post;
  if (translate !== undefined) Object.assign(translate, translateOperation());
  const stream = document.paths?.['/v1/stream']?.get;
  if (stream !== undefined) Object.assign(stream, streamOperation());
  for (const operations of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(operations)) {
      for (const [status, response] of Object.entries(operation.responses ?? {})) {
        if (response.description === 'Default Response') response.description = STATUS_CODES[status] ?? '';
      }
      operation.responses = {
        ...operation.responses,
        default: { description: 'A problem.', content: problemContent },
      };
    }
  }
  const schemas = document.components?.schemas ?? {};
  // The generator makes one of each for requests too; nobody sends us these.
  for (const name of Object.keys(schemas)) if (name.endsWith('Input')) delete schemas[name];
  Object.assign(schemas, streamSchemas);
  for (const path of ['/v1/models/{id}/load', '/v1/models/{id}/unload']) {
    const body = document.paths?.[path]?.post?.requestBody as Json | undefined;
    if (body !== undefined) body.required = false;
  }
  const metrics = document.paths?.['/metrics']?.get;
  if (metrics?.responses !== undefined) {
    metrics.responses['200'] = {
      description: 'Measurements.',
      content: { 'text/plain': { schema: { type: 'string' } } },
    };
  }
  return document;
}

function translateFields(): Record<string, Json> {
  const schema = z.toJSONSchema(translateRequestObject, { io: 'input' });
  return (schema.properties ?? {}) as Record<string, Json>;
}

/** The fields as a form should start with them; swagger-ui invents values otherwise. Empty ones count as absent. */
function formFields(fields: Record<string, Json>, examples: Json): Record<string, Json> {
  const filled = Object.entries(fields).map(([name, schema]) => [
    name,
    { ...schema, example: examples[name] ?? schema.default ?? '' },
  ]);
  return Object.fromEntries(filled) as Record<string, Json>;
}

const header = (description: string, schema: Json = { type: 'string' }) => ({ description, schema });

function translateOperation(): Json {
  const fields = translateFields();
  const exampleFields = { prompt: 'a smiling face', seed: 7 };
  const image = { type: 'string', format: 'binary', contentMediaType: 'application/octet-stream' };
  return {
    description:
      'Send the image in one of three ways: as the part `image` of a form, as base64 in JSON, or as the body itself with ' +
      'the fields in the query. PNG, JPEG, WebP, AVIF and GIF (first frame) are read, whatever the Content-Type says.\n\n' +
      '```sh\n' +
      'curl -o out.png -F image=@sketch.png -F prompt="a smiling face" http://127.0.0.1:8080/v1/translate\n' +
      'curl -o out.png --data-binary @sketch.png "http://127.0.0.1:8080/v1/translate?prompt=a%20smiling%20face"\n' +
      '```',
    // Without defaults and examples: a page that fills them in would say each field twice, here and in the body.
    parameters: Object.entries(fields).map(([name, { description, default: _, example: __, ...schema }]) => ({
      name,
      in: 'query',
      required: false,
      description,
      schema,
    })),
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['image'],
            properties: {
              image: { type: 'string', description: 'The image, base64 or a data URI.' },
              ...fields,
            },
            additionalProperties: false,
          },
          examples: {
            sketch: {
              summary: 'A small drawn face',
              value: { image: `data:image/png;base64,${SAMPLE_SKETCH}`, ...exampleFields },
            },
            variations: {
              summary: 'Four variations as JSON',
              value: { image: SAMPLE_SKETCH, ...exampleFields, n: 4, format: 'jpeg', response: 'json' },
            },
          },
        },
        'multipart/form-data': {
          schema: {
            type: 'object',
            required: ['image'],
            properties: {
              image: { ...image, description: 'The image file.' },
              ...formFields(fields, exampleFields),
            },
            additionalProperties: false,
          },
          examples: { sketch: { summary: 'A form; add your file as `image`.', value: exampleFields } },
        },
        'image/*': { schema: image },
        'application/octet-stream': { schema: image },
      },
    },
    responses: {
      200: {
        description: 'The picture; or JSON where `response`, Accept or more than one variation ask for it.',
        headers: {
          'X-Request-Id': header('Names this request in problems and in the log; one that you send is kept.'),
          'X-Seed': header('Seed of the (first) picture.', { type: 'integer' }),
          'X-Model': header('Bundle that made it.'),
          'X-Batch-Size': header('Samples in the batch this ran in.', { type: 'integer' }),
          'Server-Timing': header('Milliseconds of decode, queue, inference, encode and total.'),
          Warning: header(
            'What to know of the result: that the prompt was truncated, or that no stroke (or edge) was found in a picture that is not blank.',
          ),
        },
        content: {
          ...Object.fromEntries(Object.values(mimeTypes).map((type) => [type, { schema: image }])),
          'application/json': { schema: { $ref: '#/components/schemas/Translation' } },
        },
      },
      ...problemResponses([400, 403, 404, 406, 408, 413, 415, 429, 500, 503, 504, 507]),
    },
  };
}

function problemResponses(statuses: number[]): Json {
  const entries = statuses.map((status) => {
    const kinds = Object.entries(problemKinds).filter(
      ([code, kind]) => kind.status === status && code !== 'invalid_config',
    );
    const examples = kinds.map(([code, { title }]) => [
      code,
      {
        value: {
          type: problemType(code as keyof typeof problemKinds),
          title,
          status,
          detail: title,
          instance: 'd0f7c1f2-7c39-4f0f-9c02-3f1f0f0c9a51',
          code,
        },
      },
    ]);
    const retry = status === 429 || status === 503 ? { headers: { 'Retry-After': header('Seconds.') } } : {};
    return [
      String(status),
      {
        description: kinds.map(([, { title }]) => title).join(' · '),
        ...retry,
        content: {
          [PROBLEM_MEDIA_TYPE]: {
            schema: { $ref: '#/components/schemas/Problem' },
            examples: Object.fromEntries(examples),
          },
        },
      },
    ];
  });
  return Object.fromEntries(entries) as Json;
}

function streamOperation(): Json {
  return {
    description: streamDescription,
    responses: {
      101: { description: 'The stream is open.' },
      ...problemResponses([403, 426, 503]),
    },
  };
}
