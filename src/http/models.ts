/** `/v1/models`: the bundles there are, and their residency. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { echo } from '../fields/echo.js';
import { invalidRequest } from '../fields/fault.js';
import { givenTwice } from '../fields/fields.js';
import { MAX_ID_CHARACTERS } from '../request.js';
import type { HttpContext } from './context.js';
import { HttpError } from './problem.js';

const residencySchema = z.object({
  device: z.string(),
  state: z.enum(['unloaded', 'loading', 'loaded', 'failed']),
  bytes: z.number().describe('Bytes of its graphs on this device.').optional(),
  reason: z.string().describe('Why a load failed.').optional(),
});

const readyModelSchema = z.object({
  id: z.string(),
  status: z.literal('ready'),
  title: z.string(),
  description: z.string(),
  family: z.enum(['pix2pix-turbo', 'cyclegan-turbo']),
  conditioning: z.looseObject({
    kind: z.enum(['sketch', 'edge', 'image']),
    low_threshold: z.number().optional(),
    high_threshold: z.number().optional(),
  }),
  prompt: z.object({
    policy: z.enum(['free', 'fixed']),
    template: z.string().optional(),
    example: z.string().optional(),
  }),
  directions: z.array(z.object({ id: z.string(), title: z.string(), prompt: z.string().optional() })),
  stochastic: z
    .boolean()
    .describe(
      'Whether it takes `gamma` and noise. Where not, the seed only moves the sample of the encoder’s posterior: pictures of two seeds differ by a few grey levels.',
    ),
  default_gamma: z.number().optional(),
  size: z.object({
    native: z.array(z.int()).length(2),
    dynamic: z.boolean(),
    multiple_of: z.int(),
    min: z.int(),
    max: z.int(),
  }),
  layout: z.enum(['fused', 'staged']),
  precision: z.enum(['fp32', 'fp16']),
  residency: z.array(residencySchema),
  licence: z.object({ weights: z.string(), data: z.string().optional() }),
  origin: z.string(),
});

const failedModelSchema = z.object({ id: z.string(), status: z.literal('failed'), reason: z.string() });

const modelSchema = z.union([readyModelSchema, failedModelSchema]).meta({ id: 'Model' });

const params = z.object({ id: z.string().describe('Bundle id.') });
/** A device may be named in the query or in a JSON body, not in both. */
const deviceSchema = z.strictObject({
  device: z
    .string()
    .max(MAX_ID_CHARACTERS)
    .describe('Only this device, for example `cpu:0`; default: every one.')
    .optional(),
});

export async function modelRoutes(scope: FastifyInstance, { service }: HttpContext): Promise<void> {
  const app = scope.withTypeProvider<ZodTypeProvider>();
  takeJsonOrNothing(scope);

  app.get(
    '/v1/models',
    {
      schema: {
        operationId: 'listModels',
        tags: ['models'],
        summary: 'Every bundle, also those that failed, with its reason',
        response: { 200: z.object({ default: z.string().optional(), models: z.array(modelSchema) }) },
      },
    },
    () => {
      const byDefault = service.defaultModel();
      return { ...(byDefault === undefined ? {} : { default: byDefault }), models: service.models() };
    },
  );

  app.get(
    '/v1/models/:id',
    {
      schema: {
        operationId: 'getModel',
        tags: ['models'],
        summary: 'One bundle',
        params,
        response: { 200: modelSchema },
      },
    },
    (request) => service.model(request.params.id),
  );

  for (const action of ['load', 'unload'] as const) {
    app.post(
      `/v1/models/:id/${action}`,
      {
        schema: {
          operationId: `${action}Model`,
          tags: ['models'],
          summary:
            action === 'load'
              ? 'Load a bundle; answered when it is resident and warm on the devices that are up'
              : 'Unload a bundle; answered when its memory is free',
          params,
          querystring: deviceSchema,
          body: deviceSchema.optional(),
          response: { 200: modelSchema },
        },
      },
      (request, reply) => {
        // A large model takes longer to load than a silent connection is kept; Node sets the timeout anew for the next request.
        reply.raw.setTimeout(0, () => {});
        const { body, query } = request;
        if (query.device !== undefined && body?.device !== undefined) {
          throw invalidRequest([givenTwice('device', body.device)]);
        }
        return service[action](request.params.id, body?.device ?? query.device);
      },
    );
  }
}

/** An empty body needs no type, whatever a client calls it: `curl -d ''` calls it a form. */
function takeJsonOrNothing(scope: FastifyInstance): void {
  scope.removeContentTypeParser(['application/json', 'text/plain']);
  // Fastify's own, as strict as it is elsewhere by default.
  const parseJson = scope.getDefaultJsonParser('error', 'error');
  scope.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) =>
    body.length === 0 ? done(null) : parseJson(request, body, done),
  );
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) return done(null);
    const type = String(echo(request.headers['content-type'] ?? 'a body without a Content-Type'));
    done(
      new HttpError(
        'unsupported_media_type',
        `This route takes application/json or no body at all, not ${type}.`,
      ),
    );
  });
}
