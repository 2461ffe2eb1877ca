/** `POST /v1/translate`: one image in, one picture (or up to eight variations) out. */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ByteShare } from '../byte-budget.js';
import type { HttpContext } from '../context.js';
import { HttpError } from '../problem.js';
import { translationFacts } from '../requests.js';
import { holdUnread } from '../unread-answer.js';
import { whenEnded } from '../when-ended.js';
import { answerBytes, sendTranslation } from './answer.js';
import { readTranslateBody } from './body.js';
import { negotiate } from './negotiate.js';
import { readBody } from './read-body.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the bytes of bodies held at once; the routes that hold a body have one. */
    bodyShare: ByteShare | undefined;
  }
}

export async function translateRoutes(app: FastifyInstance, context: HttpContext): Promise<void> {
  const { service, metrics, bodies, answers } = context;
  const maxBytes = context.config.MAX_BODY_MB * 1024 * 1024;

  app.removeAllContentTypeParsers();
  // Forms and JSON are parsed with the fields.
  app.addContentTypeParser('*', (request: FastifyRequest, payload: IncomingMessage) =>
    readBody(payload, maxBytes, request.bodyShare),
  );

  app.decorateRequest('bodyShare', undefined);
  app.post(
    '/v1/translate',
    {
      bodyLimit: maxBytes,
      schema: {
        operationId: 'translate',
        tags: ['translate'],
        summary: 'Translate one image',
      },
      onRequest: (request, reply, done) => {
        const length = Number(request.headers['content-length'] ?? 0);
        if (length <= maxBytes) {
          const share = bodies.open();
          share.expect(length);
          request.bodyShare = share;
          whenEnded(reply, share.giveBack);
          return done();
        }
        done(
          new HttpError(
            'body_too_large',
            `The body has ${length} bytes; ${maxBytes} (${context.config.MAX_BODY_MB} MB) are allowed.`,
            { details: { limit_bytes: maxBytes } },
          ),
        );
      },
    },
    async (request, reply) => {
      const { image, fields } = readTranslateBody(request);
      const answer = negotiate(fields, request.headers.accept);
      const { n, priority, response, ...settings } = fields;
      request.facts = {
        ...(settings.model === undefined ? {} : { model: settings.model }),
        ...(context.config.LOG_PROMPTS ? { prompt: settings.prompt } : {}),
      };
      const gone = whenGone(reply);
      try {
        const translation = await service.translate({
          image,
          settings: { ...settings, format: answer.format },
          n,
          priority,
          client: request.ip,
          signal: gone.signal,
          handOver(made, givenUp) {
            request.facts = { ...request.facts, ...translationFacts(made) };
            metrics.translated(made);
            return holdUnread(reply, answerBytes(made, answer.as), answers, givenUp);
          },
        });
        return sendTranslation(reply, translation, answer.as);
      } finally {
        gone.forget();
      }
    },
  );
}

/** A signal that fires when the client leaves before its answer. */
function whenGone(reply: FastifyReply): { signal: AbortSignal; forget: () => void } {
  const controller = new AbortController();
  const forget = whenEnded(reply, () => controller.abort());
  return { signal: controller.signal, forget };
}
