/** The whole app as one Fastify instance: every test can build it and inject requests without a port. */
import underPressure from '@fastify/under-pressure';
import websocket from '@fastify/websocket';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyServerOptions,
  LogController,
} from 'fastify';
import { serializerCompiler } from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { Config } from './config.js';
import { ByteBudget } from './http/byte-budget.js';
import { ClientErrors } from './http/client-errors.js';
import type { HttpContext } from './http/context.js';
import { documentRoutes } from './http/docs.js';
import { handleErrors, sendProblem } from './http/error-handler.js';
import { healthRoutes } from './http/health.js';
import { createHttpMetrics } from './http/http-metrics.js';
import { IncomingRequest } from './http/incoming-request.js';
import { Lifecycle } from './http/lifecycle.js';
import { metricsRoutes } from './http/metrics.js';
import { modelRoutes } from './http/models.js';
import { guardOrigins } from './http/origins.js';
import { HttpError } from './http/problem.js';
import { isOperations, requestId, watchRequests } from './http/requests.js';
import { securityHeaders } from './http/security.js';
import { closeStreams, failStream, STREAM_PATH, streamRoutes } from './http/stream/route.js';
import { StreamWebSocket } from './http/stream/web-socket.js';
import { STUDIO_FOLDER, studioRoutes } from './http/studio.js';
import { styleRoutes } from './http/styles.js';
import { translateRoutes } from './http/translate/route.js';
import { validatorCompiler } from './http/validate.js';
import type { Service } from './service.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** Refuses what is new and resolves when everything accepted is answered and every stream closed. */
    drain(): Promise<void>;
  }
}

export interface AppOptions {
  config: Config;
  service: Service;
  logger?: Logger;
  /** Where the measurements of HTTP join those of the rest of the server. */
  registry?: Registry;
  /** Folder of the built studio; default: `dist/web`. */
  studio?: string;
}

/** The type @fastify/websocket has for a class of sockets. */
type WebSocketClass = NonNullable<NonNullable<websocket.WebsocketPluginOptions['options']>['WebSocket']>;

/** Headers must be in by then: nothing else starts before. */
const HEADERS_TIMEOUT_MS = 15_000;
/** A whole request, body included, must be in by then, and a message of a stream too: 20 MB at 3 Mbit/s. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Idle connections are kept longer than the 60 s after which common load balancers give theirs up. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** A silent connection may be waiting for a picture: longer than the longest `timeout_ms` there is. */
const CONNECTION_TIMEOUT_MS = 660_000;
/** How often Node looks whether a timeout has passed. */
const TIMEOUT_CHECK_MS = 5_000;
/** Mean lateness of the event loop over a second past which new work is refused: far from any load we mean to carry. */
const MAX_EVENT_LOOP_DELAY_MS = 1_000;
/** Plugins load from disk; on a busy machine that takes a while. */
const PLUGIN_TIMEOUT_MS = 60_000;

export function buildApp({
  config,
  service,
  logger,
  registry = new Registry(),
  studio,
}: AppOptions): FastifyInstance {
  const clientErrors = new ClientErrors();
  const app: FastifyInstance = Fastify({
    ...(logger === undefined ? {} : { loggerInstance: logger as FastifyBaseLogger }),
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    trustProxy: trustProxy(config.TRUST_PROXY),
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    pluginTimeout: PLUGIN_TIMEOUT_MS,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      IncomingMessage: IncomingRequest,
      // `refuseNameless` does that: Node would answer without a body.
      requireHostHeader: false,
    },
    forceCloseConnections: 'idle',
    // Our own refusal while draining is a problem document; this one is not.
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => clientErrors.answer(error, socket),
    frameworkErrors: (error, request, reply) => {
      sendProblem(error, request, reply);
    },
  });
  clientErrors.watch(app.server);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);

  const lifecycle = new Lifecycle();
  const context: HttpContext = {
    config,
    service,
    lifecycle,
    bodies: new ByteBudget(config.MAX_BODIES_MB * 1024 * 1024, 'Too many images are being sent at once.'),
    answers: new ByteBudget(config.MAX_ANSWERS_MB * 1024 * 1024, 'Too many answers wait to be read.'),
    metrics: createHttpMetrics(registry),
  };
  app.decorate('drain', () => lifecycle.drain());

  handleErrors(app);
  app.register(websocket, {
    options: {
      // Its type asks for what only the package's own class carries, and nothing reads from it.
      WebSocket: StreamWebSocket as unknown as WebSocketClass,
      maxPayload: config.MAX_BODY_MB * 1024 * 1024,
      // Images do not shrink, and deflating them costs time and memory for each connection.
      perMessageDeflate: false,
      clientTracking: true,
    },
    errorHandler: failStream,
    preClose(done) {
      closeStreams(this.websocketServer, done);
    },
  });
  app.after(() => {
    watchRequests(app, context);
    refuseNameless(app);
    refuseStrayUpgrades(app);
    guardOrigins(app, {
      allowed: config.CORS_ORIGIN,
      hosts: config.ALLOWED_HOSTS,
      listenHost: config.HOST,
      behindProxy: config.TRUST_PROXY !== false,
    });
  });
  securityHeaders(app);
  app.register(underPressure, {
    maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS,
    pressureHandler: (request) => {
      if (isOperations(request.url)) return;
      throw new HttpError('overloaded', 'The server cannot keep up at present.');
    },
  });
  documentRoutes(app);
  app.register(translateRoutes, context);
  app.register(streamRoutes, context);
  app.register(modelRoutes, context);
  app.register(styleRoutes, context);
  app.register(healthRoutes, context);
  app.register(metricsRoutes, { registry });
  app.register(studioRoutes, { folder: studio ?? STUDIO_FOLDER });
  return app;
}

/** A number of hops as a function: given a number, Fastify trusts none, for fear of clients that get around the proxy. */
function trustProxy(proxies: Config['TRUST_PROXY']): NonNullable<FastifyServerOptions['trustProxy']> {
  return typeof proxies === 'number' ? (_address: string, hop: number) => hop < proxies : proxies;
}

/** RFC 9112, 3.2: every request of HTTP/1.1 names its host. */
function refuseNameless(app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw }, _reply, done) => {
    if (raw.headers.host !== undefined || raw.httpVersion === '1.0') return done();
    done(
      new HttpError('bad_request', 'The request has no header Host.', { headers: { Connection: 'close' } }),
    );
  });
}

/** A WebSocket to anything but our stream would otherwise be hung up on without a word. */
function refuseStrayUpgrades(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    if (!request.ws || request.routeOptions.url === STREAM_PATH) return done();
    done(
      new HttpError(
        'bad_request',
        `This server upgrades to WebSocket at ${STREAM_PATH} and nowhere else; send the request without Upgrade.`,
      ),
    );
  });
}
