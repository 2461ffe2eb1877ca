/** One live preview: the newest frame wins, one is in flight and one waits. Knows no WebSocket library and no Fastify. */
import { hash } from 'node:crypto';
import { Img2ImgError } from '../../errors.js';
import type { ResolvedSettings, Service } from '../../service.js';
import type { Translation } from '../../translation.js';
import type { FrameOutcome } from '../http-metrics.js';
import { HttpError, toProblem } from '../problem.js';
import { CLOSE_GRACE_MS, GOING_AWAY, NORMAL, TOO_BIG } from './closing.js';
import { Heartbeat, type HeartbeatSocket } from './heartbeat.js';
import { type FrameId, resultMessage } from './messages.js';
import { Outbox, type OutboxSocket } from './outbox.js';
import { FrameMessageError, parseClientMessage } from './parse.js';

export interface StreamSocket extends OutboxSocket, HeartbeatSocket {
  close(code: number, reason: string): void;
}

export interface StreamOptions {
  socket: StreamSocket;
  service: Pick<Service, 'translate' | 'resolve'>;
  /** Whom fairness counts this for. */
  client: string;
  maxFrameBytes: number;
  pingMs: number;
  idleMs: number;
  frameEnded(outcome: FrameOutcome, frame: FrameId, translation?: Translation): void;
  /** Is told of errors that are the server's fault. */
  failed(error: unknown): void;
}

interface Frame {
  id: FrameId;
  image: Uint8Array;
  /** Those it came under, however long it waits: the client tells its pictures apart by what it had configured before. */
  settings: ResolvedSettings;
  /** Equal for frames of equal bytes under equal settings, so that those are found without keeping the bytes. */
  key: string;
}

/** A full queue has room again whenever one picture is done, long before the backlog that Retry-After tells of is. */
const MAX_HOLD_MS = 500;

export class StreamConnection {
  readonly #options: StreamOptions;
  readonly #outbox: Outbox;
  readonly #heartbeat: Heartbeat;
  #settings: ResolvedSettings | undefined;
  /** The settings as text: two frames are equal only under equal settings. */
  #settingsKey = '';
  #waiting: Frame | undefined;
  #inFlight: { key: string; controller: AbortController } | undefined;
  /** Runs while the queue is full: the newest frame waits for room, so that the last one is never lost to it. */
  #held: NodeJS.Timeout | undefined;
  /** Runs from our close message to the end of the socket. */
  #cut: NodeJS.Timeout | undefined;
  /** Key of the frame whose picture the client was sent last. */
  #shown: string | undefined;
  #binaryFrames = 0;
  /** Nothing new is taken; what is in flight is still answered. */
  #finishing = false;
  /** A close was sent or came in: nothing more is sent. */
  #closed = false;
  #whenClosed: (() => void)[] = [];

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options.socket, () => this.#startNext());
    this.#heartbeat = new Heartbeat({
      ...options,
      paused: () => this.#outbox.paused,
      // Whoever waits for a picture has nothing to say meanwhile.
      busy: () => this.#inFlight !== undefined || this.#held !== undefined,
      idle: () => this.#close(NORMAL, 'idle'),
    });
  }

  /** Takes one message of the client. */
  receive(data: Buffer, binary: boolean): void {
    if (this.#closed || this.#finishing) return;
    this.#heartbeat.heard();
    const id = binary ? ++this.#binaryFrames : undefined;
    try {
      if (data.length > this.#options.maxFrameBytes) this.oversize(id);
      else if (id !== undefined) this.#push(id, data);
      else this.#text(data.toString('utf8'));
    } catch (error) {
      if (error instanceof FrameMessageError) this.#error(error.cause, error.id);
      else this.#error(error, id);
    }
  }

  /** A message over the limit: its bytes were not taken in, and what follows cannot be told apart from it. */
  oversize(id?: FrameId): void {
    if (this.#closed) return;
    const limit = this.#options.maxFrameBytes;
    this.#error(
      new HttpError('body_too_large', `A message may have ${limit} bytes.`, {
        details: { limit_bytes: limit },
      }),
      id,
    );
    this.#close(TOO_BIG, 'message too big');
  }

  /** The socket is gone: nothing runs on for it. */
  closed(): void {
    this.#end();
    clearTimeout(this.#cut);
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
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) {
      this.#options.frameEnded('error', waiting.id);
      this.#error(new Img2ImgError('draining', 'The server is shutting down.'), waiting.id);
    }
    if (this.#inFlight === undefined) this.#close(GOING_AWAY, 'server is shutting down');
    return closed;
  }

  #text(text: string): void {
    const message = parseClientMessage(text);
    if (message.type === 'frame') {
      try {
        this.#push(message.id, message.image);
      } catch (error) {
        throw new FrameMessageError(error, message.id);
      }
      return;
    }
    const settings = this.#options.service.resolve(message.settings);
    this.#settings = settings;
    this.#settingsKey = JSON.stringify(settings);
    this.#outbox.send({ type: 'ready', ...settings });
  }

  #push(id: FrameId, image: Uint8Array): void {
    if (this.#settings === undefined) {
      throw new HttpError('not_configured', 'A frame came before the first configure message.');
    }
    const key = `${hash('sha256', image, 'base64')} ${this.#settingsKey}`;
    const frame = { id, image, settings: this.#settings, key };
    const latest = this.#waiting?.key ?? this.#inFlight?.key ?? this.#shown;
    if (latest === key) {
      this.#drop(frame, 'unchanged');
      return;
    }
    if (this.#waiting !== undefined) this.#drop(this.#waiting, 'overtaken');
    this.#waiting = frame;
    this.#startNext();
  }

  #drop(frame: Frame, reason: 'overtaken' | 'unchanged'): void {
    this.#options.frameEnded(reason, frame.id);
    this.#outbox.dropped(frame.id, reason);
  }

  #startNext(): void {
    const frame = this.#waiting;
    if (frame === undefined || this.#inFlight !== undefined || this.#closed) return;
    // A client that does not read gets no more to read; the newest frame waits for it.
    if (this.#outbox.lagging || this.#held !== undefined) return;
    this.#waiting = undefined;
    if (frame.key === this.#shown) {
      this.#drop(frame, 'unchanged');
      return;
    }
    const controller = new AbortController();
    this.#inFlight = { key: frame.key, controller };
    void this.#translate(frame, controller.signal).finally(() => {
      this.#inFlight = undefined;
      if (this.#closed) return;
      this.#heartbeat.heard();
      if (this.#finishing) this.#close(GOING_AWAY, 'server is shutting down');
      else this.#startNext();
    });
  }

  async #translate(frame: Frame, signal: AbortSignal): Promise<void> {
    const { service, client, frameEnded } = this.#options;
    try {
      const translation = await service.translate({
        image: frame.image,
        settings: frame.settings,
        n: 1,
        priority: 'interactive',
        client,
        signal,
      });
      if (this.#closed) return;
      this.#sendResult(frame.id, translation);
      this.#shown = frame.key;
      frameEnded('result', frame.id, translation);
    } catch (error) {
      if (this.#closed) return;
      this.#shown = undefined;
      if (isQueueFull(error) && !this.#finishing) {
        this.#hold(frame, error.retryAfterSeconds ?? 1);
        return;
      }
      frameEnded('error', frame.id);
      this.#error(error, frame.id);
    }
  }

  /** Keeps a frame that found the queue full, unless a newer one waits already, and tries again when told to. */
  #hold(frame: Frame, seconds: number): void {
    if (this.#waiting === undefined) this.#waiting = frame;
    else this.#drop(frame, 'overtaken');
    this.#held = setTimeout(
      () => {
        this.#held = undefined;
        this.#startNext();
      },
      Math.min(seconds * 1000, MAX_HOLD_MS),
    );
  }

  #sendResult(frame: FrameId, translation: Translation): void {
    const [picture] = translation.images;
    if (picture === undefined) throw new Error('A translation without images');
    this.#outbox.send(resultMessage(frame, translation, picture.seed), picture.data);
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
      this.#options.socket.terminate();
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
      else socket.terminate();
    }, CLOSE_GRACE_MS);
  }

  #end(): void {
    this.#closed = true;
    clearTimeout(this.#held);
    this.#heartbeat.stop();
    this.#waiting = undefined;
    this.#inFlight?.controller.abort();
  }
}

function isQueueFull(error: unknown): error is Img2ImgError {
  return error instanceof Img2ImgError && error.code === 'queue_full';
}
