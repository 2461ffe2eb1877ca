/** `GET /v1/stream`: a WebSocket on which every frame sent comes back as a picture, the newest first. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { WebSocket, WebSocketServer } from 'ws';
import { Img2ImgError } from '../../errors.js';
import { FairPlaces, type NoRoom } from '../../fair-places.js';
import type { HttpContext } from '../context.js';
import { HttpError } from '../problem.js';
import { CLOSE_GRACE_MS, GOING_AWAY, UNANSWERED } from './closing.js';
import { StreamConnection } from './connection.js';
import { checkHandshake } from './handshake.js';
import { type StreamWebSocket, streamSocket } from './web-socket.js';

export const STREAM_PATH = '/v1/stream';

export async function streamRoutes(app: FastifyInstance, context: HttpContext): Promise<void> {
  const { config, lifecycle } = context;
  const places = new FairPlaces(config.MAX_STREAMS);
  app.route({
    method: 'GET',
    url: STREAM_PATH,
    schema: {
      operationId: 'stream',
      tags: ['stream'],
      summary: 'Live preview over WebSocket',
      description: 'Open it with a WebSocket client; see the guide to the stream’s messages.',
    },
    preHandler: (request, _reply, done) => {
      checkHandshake(request);
      if (lifecycle.draining) return done(new Img2ImgError('draining', 'The server is shutting down.'));
      const noRoom = places.refusal(request.ip, 1);
      done(
        noRoom === undefined
          ? undefined
          : tooManyStreams(noRoom, places.heldBy(request.ip), config.MAX_STREAMS),
      );
    },
    // Never reached: preHandler refuses what is no handshake.
    handler: (_request, reply) => reply.callNotFound(),
    wsHandler: (webSocket, request) => {
      webSocket.once('close', places.take(request.ip, 1));
      open(ours(webSocket), request, context);
    },
  });
}

function tooManyStreams(noRoom: NoRoom, held: number, limit: number): HttpError {
  const [why, details] =
    noRoom === 'all'
      ? [`${limit === 1 ? '1 stream is' : `${limit} streams are`} open already.`, { full: 'server' }]
      : [
          `This client has ${held} of at most ${limit} streams open, its share: the rest is for others.`,
          { full: 'share', client_streams: held },
        ];
  return new HttpError('too_many_streams', why, { details: { ...details, limit } });
}

/** All sockets are of this class: see `buildApp`. */
const ours = (webSocket: WebSocket) => webSocket as StreamWebSocket;

function open(webSocket: StreamWebSocket, request: FastifyRequest, context: HttpContext): void {
  const { config, service, metrics, lifecycle, bodies, answers } = context;
  const openedAt = performance.now();
  const frames = { result: 0, error: 0, overtaken: 0, unchanged: 0 };
  const connection = new StreamConnection({
    socket: streamSocket(webSocket, request.raw.socket),
    service,
    client: request.ip,
    maxFrameBytes: config.MAX_BODY_MB * 1024 * 1024,
    // A frame is the body of a request in all but name.
    arrivalMs: request.server.server.requestTimeout,
    bodies,
    answers,
    pingMs: config.STREAM_PING_MS,
    idleMs: config.STREAM_IDLE_MS,
    configured({ model, prompt }) {
      if (config.LOG_PROMPTS) request.log.info({ model, prompt }, 'stream configured');
    },
    frameEnded(outcome, _frame, translation) {
      frames[outcome]++;
      metrics.frame(outcome);
      if (translation !== undefined) metrics.translated(translation);
    },
    failed(error) {
      request.log.error({ err: error }, 'frame failed');
    },
  });
  lifecycle.streams.add(connection);
  metrics.streamOpened();
  request.log.info({ client: request.ip }, 'stream opened');

  webSocket.oversize = () => connection.oversize();
  // Before ws sees them: by then a message may be whole.
  request.raw.socket.prependListener('data', (chunk: Buffer) => connection.arrived(chunk.length));
  for (const control of ['ping', 'pong'] as const) {
    webSocket.on(control, (payload) => connection.control(payload.length));
  }
  webSocket.on('message', (data, binary) => connection.receive(data as Buffer, binary));
  webSocket.on('close', (code) => {
    connection.closed();
    lifecycle.streams.delete(connection);
    metrics.streamClosed();
    const ms = Math.round(performance.now() - openedAt);
    const { sentCode, cutReason: reason } = webSocket;
    request.log.info({ code: sentCode ?? code, reason, ms, frames }, 'stream closed');
  });
}

/** Milliseconds in which a client that broke the protocol may send on into nothing, so that it comes to read why. */
const FAULT_GRACE_MS = 5_000;

/**
 * Ends a stream on which something went wrong. Where the client broke the protocol (a message over the limit, no mask,
 * bad UTF-8), ws has sent its close message and reads on without listening: cut off now, the client would be reset in
 * the middle of sending and never get to that message.
 */
export function failStream(error: Error, webSocket: WebSocket, request: FastifyRequest): void {
  const code = 'code' in error ? String(error.code) : '';
  if (!code.startsWith('WS_ERR_')) {
    request.log.error({ err: error }, 'stream failed');
    ours(webSocket).terminate('the stream failed');
    return;
  }
  request.log.info({ code, reason: error.message }, 'stream broke the protocol');
  const cut = setTimeout(() => ours(webSocket).terminate(UNANSWERED), FAULT_GRACE_MS).unref();
  webSocket.once('close', () => clearTimeout(cut));
}

/** Closes every stream that is still open, and cuts those that do not answer. */
export function closeStreams(server: WebSocketServer, done: () => void): void {
  server.close(() => {
    clearTimeout(cut);
    done();
  });
  for (const webSocket of server.clients) webSocket.close(GOING_AWAY, 'server is shutting down');
  const cut = setTimeout(() => {
    for (const webSocket of server.clients) ours(webSocket).terminate(UNANSWERED);
  }, CLOSE_GRACE_MS);
}
