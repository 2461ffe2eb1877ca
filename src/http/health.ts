/** `/health`: live means the process answers; ready means a device is up and nothing it was told to preload is still to come. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { HttpContext } from './context.js';

const deviceSchema = z.object({
  id: z.string(),
  state: z.enum(['starting', 'ready', 'restarting', 'closed']),
  restarts: z.int().describe('How often its engine had to be started anew.'),
});

const readinessSchema = z
  .object({
    ready: z.boolean(),
    reasons: z.array(z.string()).describe('What is missing.'),
    devices: z.array(deviceSchema),
  })
  .meta({ id: 'Readiness' });

export async function healthRoutes(scope: FastifyInstance, context: HttpContext): Promise<void> {
  const { service, lifecycle } = context;
  const app = scope.withTypeProvider<ZodTypeProvider>();

  app.get(
    '/health/live',
    {
      schema: {
        operationId: 'live',
        tags: ['operations'],
        summary: 'Whether the process answers',
        response: { 200: z.object({ status: z.literal('live') }) },
      },
    },
    (_request, reply) => {
      reply.header('Cache-Control', 'no-store');
      return { status: 'live' as const };
    },
  );

  app.get(
    '/health/ready',
    {
      schema: {
        operationId: 'ready',
        tags: ['operations'],
        summary: 'Whether a device is up and the preloaded bundles were loaded, and if not, why',
        description:
          'A preloaded bundle that was refused counts as missing, and so does a refused default. One that was unloaded since, by hand or to make room, does not: the next request for it loads it first.',
        response: { 200: readinessSchema, 503: readinessSchema },
      },
    },
    (_request, reply) => {
      const { ready, reasons } = service.readiness();
      const missing = lifecycle.draining ? ['The server is shutting down.', ...reasons] : reasons;
      const isReady = ready && !lifecycle.draining;
      reply.code(isReady ? 200 : 503).header('Cache-Control', 'no-store');
      return { ready: isReady, reasons: missing, devices: service.devices() };
    },
  );
}
