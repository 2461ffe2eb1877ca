/** One live preview: reads its client's messages, answers them, and ends well. Knows no WebSocket library and no Fastify. */
import { Img2ImgError } from '../../errors.js';
import type { ResolvedSettings, Service } from '../../service.js';
import type { Translation } from '../../translation.js';
import type { ByteBudget, ByteShare } from '../byte-budget.js';
import type { FrameOutcome } from '../http-metrics.js';
import { HttpError, toProblem } from '../problem.js';
import { Arrival } from './arrival.js';
import {
  CLOSE_GRACE_MS,
  GOING_AWAY,
  NORMAL,
  TOO_BIG,
  TOO_SLOW,
  TRY_AGAIN_LATER,
  UNANSWERED,
} from './closing.js';
import { Frames } from './frames.js';
import { Heartbeat, type HeartbeatSocket } from './heartbeat.js';
import { type FrameId, resultMessage } from './messages.js';
import { Outbox, type OutboxSocket } from './outbox.js';
import { type ClientMessage, parseClientMessage } from './parse.js';

export interface StreamSocket extends OutboxSocket, HeartbeatSocket {
  close(code: number, reason: string): void;
}

export interface StreamOptions {
  socket: StreamSocket;
  service: Pick<Service, 'translate' | 'resolve'>;
  /** Whom fairness counts this for. */
  client: string;
  maxFrameBytes: number;
  /** Milliseconds a message may take to arrive. */
  arrivalMs: number;
  /** What messages hold of the server's memory, whole or not. */
  bodies: ByteBudget;
  /** What pictures hold of it until the client has read them. */
  answers: ByteBudget;
  pingMs: number;
  idleMs: number;
  /** A configuration was accepted. */
  configured(settings: ResolvedSettings): void;
  /** `frame` is undefined where one was at fault that did not say its id. */
  frameEnded(outcome: FrameOutcome, frame: FrameId | undefined, translation?: Translation): void;
  /** Is told of errors that are the server's fault. */
  failed(error: unknown): void;
}

export class StreamConnection {
  readonly #options: StreamOptions;
  readonly #outbox: Outbox;
  readonly #heartbeat: Heartbeat;
  readonly #frames: Frames;
  #settings: ResolvedSettings | undefined;
  /** A configuration came that was refused. */
  #refused = false;
  readonly #arrival: Arrival;
  /** Of the pictures the client has not read yet. */
  readonly #unread = new Set<ByteShare>();
  #binaryFrames = 0;
  /** Runs from our close message to the end of the socket. */
  #cut: NodeJS.Timeout | undefined;
  /** Nothing new is taken; what is in flight is still answered. */
  #finishing = false;
  /** A close was sent or came in: nothing more is sent. */
  #closed = false;
  #whenClosed: (() => void)[] = [];

  constructor(options: StreamOptions) {
    this.#options = options;
    const { socket, service, client, frameEnded } = options;
    this.#arrival = new Arrival({
      bodies: options.bodies,
      limitMs: options.arrivalMs,
      late: () => this.#close(TOO_SLOW, `a message was not whole after ${options.arrivalMs / 1000} s`),
    });
    this.#outbox = new Outbox(socket, () => this.#frames.startNext());
    this.#frames = new Frames({
      service,
      client,
      lagging: () => this.#outbox.lagging,
      made: (id, translation) => {
        this.#sendResult(id, translation);
        frameEnded('result', id, translation);
      },
      dropped: (id, reason) => {
        frameEnded(reason, id);
        this.#outbox.dropped(id, reason);
      },
      failed: (id, error) => {
        frameEnded('error', id);
        this.#error(error, id);
      },
      settled: () => {
        this.#heartbeat.heard();
        if (this.#finishing) this.#close(GOING_AWAY, 'server is shutting down');
      },
    });
    this.#heartbeat = new Heartbeat({
      ...options,
      paused: () => this.#outbox.paused,
      // Whoever waits for a picture has nothing to say meanwhile.
      busy: () => this.#frames.busy,
      idle: () => this.#close(NORMAL, 'idle'),
    });
  }

  /** Bytes have come in, of a message that may not be whole yet. */
  arrived(bytes: number): void {
    if (this.#closed) return;
    try {
      this.#arrival.add(bytes);
    } catch {
      this.#close(TRY_AGAIN_LATER, 'too many images are being sent at once');
    }
  }

  /** Some of the bytes that have come in were a ping or a pong, of which these are the payload's. */
  control(payloadBytes: number): void {
    if (!this.#closed) this.#arrival.control(payloadBytes);
  }

  /** Takes one message of the client. */
  receive(data: Buffer, binary: boolean): void {
    if (this.#closed) return;
    const share = this.#arrival.take();
    if (this.#finishing) {
      share.giveBack();
      return;
    }
    this.#heartbeat.heard();
    const message: ClientMessage = binary
      ? { type: 'frame', id: ++this.#binaryFrames, image: data }
      : parseClientMessage(data.toString('utf8'));
    try {
      this.#take(message, share);
    } catch (error) {
      share.giveBack();
      const type = message.type === 'fault' ? message.of : message.type;
      if (type === 'configure') this.#refused = true;
      if (type === 'frame') this.#options.frameEnded('error', message.id);
      this.#error(error, message.id);
    }
  }

  /** A message over the limit: its bytes were not taken in, and what follows cannot be told apart from it. */
  oversize(): void {
    if (this.#closed) return;
    const limit = this.#options.maxFrameBytes;
    const details = { limit_bytes: limit };
    this.#error(
      new HttpError('body_too_large', `A message may have ${limit} bytes.`, { details }),
      undefined,
    );
    this.#close(TOO_BIG, 'message too big');
  }

  /** The socket is gone: nothing runs on for it. */
  closed(): void {
    this.#end();
    clearTimeout(this.#cut);
    for (const share of this.#unread) this.#giveBack(share);
    for (const resolve of this.#whenClosed.splice(0)) resolve();
  }

  /** Answers the frame in flight, refuses the waiting one, closes with 1001. Resolves when closed. */
  finish(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const closed = new Promise<void>((resolve) => {
      this.#whenClosed.push(resolve);
    });
    if (this.#finishing) return closed;
    this.#finishing = true;
    const inFlight = this.#frames.finish(new Img2ImgError('draining', 'The server is shutting down.'));
    if (!inFlight) this.#close(GOING_AWAY, 'server is shutting down');
    return closed;
  }

  #take(message: ClientMessage, share: ByteShare): void {
    if (message.type === 'fault') throw message.error;
    if (message.type === 'configure') {
      share.giveBack();
      this.#settings = this.#options.service.resolve(message.settings);
      this.#options.configured(this.#settings);
      this.#outbox.send({ type: 'ready', ...this.#settings });
      return;
    }
    if (this.#settings === undefined) {
      const why = this.#refused
        ? 'The configuration was refused, and none before it is in force.'
        : 'A frame came before the first configure message.';
      throw new HttpError('not_configured', why);
    }
    const { id, image } = message;
    this.#frames.push({ id, image, settings: this.#settings, share });
  }

  #sendResult(frame: FrameId, translation: Translation): void {
    const [picture] = translation.images;
    if (picture === undefined) throw new Error('A translation without images');
    const share = this.#options.answers.open();
    share.add(picture.data.length);
    this.#unread.add(share);
    const message = resultMessage(frame, translation, picture.seed);
    this.#outbox.sendPicture(message, picture.data, () => this.#giveBack(share));
  }

  #giveBack(share: ByteShare): void {
    share.giveBack();
    this.#unread.delete(share);
  }

  #error(error: unknown, frame: FrameId | undefined): void {
    const problem = toProblem(error);
    if (problem.unexpected) this.#options.failed(error);
    this.#outbox.send({
      type: 'error',
      problem: problem.document,
      ...(frame === undefined ? {} : { frame }),
    });
  }

  #close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#end();
    // A close message would wait behind what the client does not read.
    if (this.#outbox.paused) {
      this.#options.socket.terminate('the client does not read');
      return;
    }
    this.#options.socket.close(code, reason);
    // A client over the limit is in the middle of sending, and must get to the end of it to read why it was closed.
    if (code !== TOO_BIG) this.#cutUnlessReading();
  }

  /** One client that does not answer the close message must not hold up the whole server's stop. */
  #cutUnlessReading(): void {
    const { socket } = this.#options;
    const unsent = socket.bufferedAmount;
    this.#cut = setTimeout(() => {
      if (socket.bufferedAmount < unsent) this.#cutUnlessReading();
      else socket.terminate(UNANSWERED);
    }, CLOSE_GRACE_MS);
  }

  #end(): void {
    this.#closed = true;
    this.#heartbeat.stop();
    this.#frames.end();
    this.#arrival.stop();
  }
}
