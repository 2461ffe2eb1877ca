/** `GET /v1/styles`: the presets that put a template around the prompt. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { HttpContext } from './context.js';

const styleSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    template: z.string().describe('`{prompt}` is where the prompt goes.'),
  })
  .meta({ id: 'Style' });

export async function styleRoutes(scope: FastifyInstance, { service }: HttpContext): Promise<void> {
  const app = scope.withTypeProvider<ZodTypeProvider>();
  app.get(
    '/v1/styles',
    {
      schema: {
        operationId: 'listStyles',
        tags: ['styles'],
        summary: 'Every style',
        response: { 200: z.object({ styles: z.array(styleSchema) }) },
      },
    },
    () => ({ styles: [...service.styles()] }),
  );
}
