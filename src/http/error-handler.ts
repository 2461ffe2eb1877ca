/** Answers every failed request with problem details, whoever noticed the failure: a route or Fastify. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { messageOf } from '../errors.js';
import { HttpError, PROBLEM_MEDIA_TYPE, toProblem } from './problem.js';
import { discardBody } from './requests.js';

/** Sends the problem that `error` stands for. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error, request.id);
  request.outcome = problem.code;
  if (problem.unexpected) request.log.error({ err: error }, 'request failed');
  else if (problem.status >= 500) {
    // Which may have what is not told, such as whole paths.
    const cause =
      error instanceof Error && error.cause !== undefined ? { cause: messageOf(error.cause) } : {};
    request.log.warn({ code: problem.code, detail: problem.document.detail, ...cause }, 'request refused');
  }
  if (problem.code === 'body_too_large') {
    // Closing at once would reset the connection under a client that is still sending, and it would never read why:
    // let it send on to its end, or to the request timeout, into nothing.
    reply.removeHeader('connection');
  }
  // Here too, because no hook sees what Fastify refuses before routing.
  discardBody(request);
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .header('X-Request-Id', request.id)
    .header('Cache-Control', 'no-store')
    .type(PROBLEM_MEDIA_TYPE)
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send(problem.document);
}

/** Installs the error and not-found handlers; must be called before any route is declared. */
export function handleErrors(app: FastifyInstance): void {
  const routes: { pattern: RegExp; methods: string[] }[] = [];
  app.addHook('onRoute', (route) => {
    if (route.url.includes('*')) return;
    const pattern = new RegExp(
      `^${route.url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:[^/]+/g, '[^/]+')}/?$`,
    );
    routes.push({ pattern, methods: [route.method].flat() });
  });

  app.setErrorHandler((error: FastifyError, request, reply) => sendProblem(error, request, reply));

  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '/';
    const allowed = new Set(
      routes.filter((route) => route.pattern.test(path)).flatMap((route) => route.methods),
    );
    if (allowed.size > 0 && !allowed.has(request.method)) {
      const allow = [...allowed].sort().join(', ');
      const detail = `${request.method} is not a method of ${path}; its methods are ${allow}.`;
      return sendProblem(
        new HttpError('method_not_allowed', detail, {
          headers: { Allow: allow },
          details: { allow: [...allowed] },
        }),
        request,
        reply,
      );
    }
    return sendProblem(
      new HttpError('not_found', `There is no ${path} here; GET /docs shows every route.`),
      request,
      reply,
    );
  });
}
