/** Decides which pages may call: our own always, others where CORS_ORIGIN names them; programs that send no Origin always. */
import { isIP } from 'node:net';
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
  /** `ALLOWED_HOSTS`: names that are ours, or `*`; none: as the next two tell. */
  hosts: string[];
  /** `HOST`: the address we listen on. */
  listenHost: string;
  /** Whether a proxy of ours stands in front, and `Host` is what it was asked for. */
  behindProxy: boolean;
}

export function guardOrigins(app: FastifyInstance, options: OriginOptions): void {
  const { allowed } = options;
  const any = allowed.includes('*');
  const known = new Set(allowed.map((origin) => origin.replace(/\/$/, '').toLowerCase()));
  const isOurName = ourNames(options);

  app.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers;
    if (!any && known.size > 0) reply.header('Vary', 'Origin');
    const trusted = any || (origin !== undefined && known.has(origin.toLowerCase()));
    const ofHost = origin !== undefined && isOfHost(origin, request);
    if (!trusted && (ofHost || tellsOfUs(request)) && !isOurName(request.hostname.toLowerCase())) {
      return done(hostNotAllowed(request.hostname));
    }
    if (origin === undefined || ofHost) return done();
    if (!trusted) {
      // A browser keeps the answers of plain GETs from the page by itself. What changes something or costs a device's
      // time must not even start, and a WebSocket knows no such rule at all.
      if (isPlainRead(request)) return done();
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

/**
 * Whether a host is us. A page can have its own name point to us (DNS rebinding), and is then of the same origin as we
 * are by all that a browser knows; it cannot do that to an address, nor to `localhost`.
 */
function ourNames({ hosts, listenHost, behindProxy }: OriginOptions): (host: string) => boolean {
  const localOnly = isLoopback(listenHost) && !behindProxy;
  if (hosts.includes('*') || (hosts.length === 0 && !localOnly)) return () => true;
  // Every browser says a host; a program that says none is nobody's page.
  const names = new Set(['', 'localhost', ...hosts.map((host) => host.toLowerCase())]);
  return (host) => names.has(host) || isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/i.test(host);
}

function isOfHost(origin: string, request: FastifyRequest): boolean {
  return /^https?:\/\/(.+)$/i.exec(origin)?.[1]?.toLowerCase() === request.host.toLowerCase();
}

function isPlainRead({ method, ws }: FastifyRequest): boolean {
  return !ws && (method === 'GET' || method === 'HEAD');
}

/** What a page of a rebound name could read though it sends no Origin, as browsers do not for a GET of their own origin. */
function tellsOfUs(request: FastifyRequest): boolean {
  const { url } = request.routeOptions;
  return isPlainRead(request) && (url?.startsWith('/v1/') === true || url === '/metrics');
}

function hostNotAllowed(host: string): HttpError {
  return new HttpError(
    'host_not_allowed',
    `This server does not go by the name ${host.slice(0, 200)}: ALLOWED_HOSTS says which names are its own.`,
  );
}
