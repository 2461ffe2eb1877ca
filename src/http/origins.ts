/** Decides which pages may call: our own always, others where CORS_ORIGIN names them; programs that send no Origin always. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpError } from './problem.js';

const EXPOSED_HEADERS = [
  'X-Request-Id',
  'X-Seed',
  'X-Model',
  'X-Batch-Size',
  'Server-Timing',
  'Warning',
  'Retry-After',
].join(', ');
/** Seconds a browser may remember a preflight's answer; two hours is the most Chromium keeps. */
const PREFLIGHT_SECONDS = '7200';

export interface OriginOptions {
  /** `CORS_ORIGIN`: origins whose pages may call, or `*`. */
  allowed: string[];
  /** `HOST`: the address we listen on. */
  listenHost: string;
  /** Whether a proxy of ours stands in front, and `Host` is what it was asked for. */
  behindProxy: boolean;
}

export function guardOrigins(
  app: FastifyInstance,
  { allowed, listenHost, behindProxy }: OriginOptions,
): void {
  const any = allowed.includes('*');
  // Listening for this machine only, we have only its names: a page whose own name was made to point here (DNS
  // rebinding) has the same Origin and Host, and is not ours.
  const localOnly = isLoopback(listenHost) && !behindProxy;
  const known = new Set(allowed.map((origin) => origin.replace(/\/$/, '').toLowerCase()));

  app.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers;
    if (!any && known.size > 0) reply.header('Vary', 'Origin');
    if (origin === undefined || isOurs(request, origin, localOnly)) return done();
    if (!any && !known.has(origin.toLowerCase())) {
      // A browser keeps the answers of plain GETs from the page by itself. What changes something or costs a device's
      // time must not even start, and a WebSocket knows no such rule at all.
      if (!request.ws && (request.method === 'GET' || request.method === 'HEAD')) return done();
      return done(
        new HttpError('origin_not_allowed', `Pages of ${origin.slice(0, 200)} may not call this server.`),
      );
    }
    reply.headers({
      'Access-Control-Allow-Origin': any ? '*' : origin,
      'Access-Control-Expose-Headers': EXPOSED_HEADERS,
      'Timing-Allow-Origin': any ? '*' : origin,
    });
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) {
      return done();
    }
    reply
      .code(204)
      .headers({
        'Access-Control-Allow-Methods': 'GET, HEAD, POST',
        'Access-Control-Allow-Headers': request.headers['access-control-request-headers'] ?? '*',
        'Access-Control-Max-Age': PREFLIGHT_SECONDS,
      })
      .send();
  });
}

function isOurs(request: FastifyRequest, origin: string, localOnly: boolean): boolean {
  const host = /^https?:\/\/(.+)$/i.exec(origin)?.[1];
  if (host === undefined || host.toLowerCase() !== request.host.toLowerCase()) return false;
  return !localOnly || isLoopback(request.hostname);
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}
