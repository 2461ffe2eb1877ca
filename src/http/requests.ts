/** What happens around every request: its id, its line in the log, its count, and its refusal while the server stops. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Img2ImgError } from '../errors.js';
import type { Translation } from '../translation.js';
import type { HttpContext } from './context.js';
import { whenEnded } from './when-ended.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** `ok`, or the code of the problem it was answered with. */
    outcome: string;
    /** What else its log line tells. */
    facts: Record<string, unknown> | undefined;
  }
}

/** An id a client may choose: short, and safe in a header, a log line and a URI reference. */
const SANE_ID = /^[A-Za-z0-9_.-]{1,128}$/;

export function requestId(raw: Pick<IncomingMessage, 'headers'>): string {
  const given = raw.headers['x-request-id'];
  return typeof given === 'string' && SANE_ID.test(given) ? given : randomUUID();
}

/** Of routes that answer even while the server stops or cannot keep up. */
export const isOperations = (url: string) => url.startsWith('/health/') || url === '/metrics';

export function watchRequests(app: FastifyInstance, context: HttpContext): void {
  const { lifecycle, metrics } = context;
  const tell = (reply: FastifyReply, left: boolean) => {
    const { request } = reply;
    const { method } = request;
    const route = request.routeOptions.url ?? 'none';
    const status = left ? 499 : reply.statusCode;
    const outcome = left ? 'aborted' : request.outcome;
    metrics.answered(route, method, status, outcome, reply.elapsedTime);
    const ms = round(reply.elapsedTime);
    request.log.info({ method, route, status, outcome, ms, ...request.facts }, 'request');
  };
  app.decorateRequest('outcome', 'ok');
  app.decorateRequest('facts', undefined);

  app.addHook('onRequest', (request, reply, done) => {
    reply.header('X-Request-Id', request.id);
    if (!request.ws) {
      lifecycle.began();
      // Not `writableEnded`: an ended answer may have waited behind another one for ever.
      let left = true;
      reply.raw.once('finish', () => {
        left = false;
      });
      whenEnded(reply, () => {
        lifecycle.ended();
        tell(reply, left);
      });
    }
    if (lifecycle.draining && !isOperations(request.url)) {
      return done(new Img2ImgError('draining', 'The server is shutting down.'));
    }
    done();
  });

  app.addHook('onSend', (request, _reply, _payload, done) => {
    discardBody(request);
    done();
  });

  // A stream's life is told where it opens and closes; a handshake has an answer here only where it is refused.
  app.addHook('onResponse', (request, reply, done) => {
    if (request.ws) tell(reply, false);
    done();
  });
}

/**
 * Lets what is left of a body flow into nothing. Node does so when the answer is out, but one that waits behind another
 * would leave the connection paused until then, and a paused one does not tell that its client has left.
 */
export function discardBody(request: FastifyRequest): void {
  request.raw.resume();
}

const round = (milliseconds: number) => Math.round(milliseconds * 100) / 100;

/** What the log tells of a translation. */
export function translationFacts(translation: Translation): Record<string, unknown> {
  const { model, direction, device, batchSize, timings } = translation;
  return {
    model,
    direction,
    device,
    batchSize,
    decodeMs: round(timings.decode),
    queueMs: round(timings.queue),
    inferenceMs: round(timings.inference),
    encodeMs: round(timings.encode),
  };
}
