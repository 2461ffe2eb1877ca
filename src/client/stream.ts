/** The stream client: push frames as fast as they come, get the newest picture, and never mind the connection. */
import { Connection } from './connection.js';
import { Events } from './events.js';
import { bytesOf } from './frame.js';
import { FramesInFlight, type PushedFrame, type SentFrame } from './frames-in-flight.js';
import { newestResults } from './newest-results.js';
import type { Problem, ResultMessage, ServerMessage, StreamConfiguration } from './protocol.js';
import { ResendLimit } from './resend-limit.js';
import { platformSocket, streamUrl } from './socket.js';
import type { FrameSource, StreamEvents, StreamOptions, StreamResult, StreamStatus } from './types.js';

/** More bytes than this not yet on the wire: the network is slower than the pen, so newer frames had better wait here. */
const MAX_BUFFERED_BYTES = 262_144;
const BUFFER_CHECK_MS = 20;
/** A silent server is gone after this long, but not before a frame's own deadline and some time on the way. */
const SILENCE_MS = 90_000;
const SILENCE_AFTER_DEADLINE_MS = 30_000;
/** Problems that pass: too many requests, and no engine just now. */
const PASSING_STATUS: readonly number[] = [429, 503];
const DEFAULT_RETRY_SECONDS = 1;
const MAX_RETRY_SECONDS = 30;

/**
 * Opens a stream. It connects at once, and again after every loss until it is closed.
 * @param server the server's address, for example `http://127.0.0.1:8080`
 * @throws TypeError where that is no URL, Error where the platform has no WebSocket and none was given
 */
export function connect(server: string | URL, options: StreamOptions = {}): Img2ImgStream {
  return new Img2ImgStream(streamUrl(server), options);
}

/** Iterating gives the newest result each time; a slow reader skips what newer ones have overtaken. */
export class Img2ImgStream implements AsyncIterable<StreamResult> {
  readonly #connection: Connection;
  readonly #throttleMs: number;
  readonly #maxUnanswered: number;
  readonly #silenceMs: number | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #events = new Events<StreamEvents>();

  #configuration: StreamConfiguration;
  #frames = 0;
  /** The newest frame ever pushed: `configure` translates it again. */
  #newest: FrameSource | undefined;
  /** Pushed and not sent: at most one. */
  #waiting: PushedFrame | undefined;
  /** A source was asked for its bytes and has not given them yet. */
  #preparing = false;
  #pumpTimer: ReturnType<typeof setTimeout> | undefined;
  /** On the clock of `performance.now()`; in the future while the server has asked us to wait. */
  #lastSentAt = Number.NEGATIVE_INFINITY;
  readonly #unanswered = new FramesInFlight();
  /** The text message whose picture is the next binary one. */
  #announced: ResultMessage | undefined;
  readonly #resendLimit = new ResendLimit();

  constructor(url: string, options: StreamOptions) {
    this.#throttleMs = options.throttleMs ?? 33;
    this.#maxUnanswered = options.maxUnanswered ?? 3;
    this.#configuration = { ...options.configuration };
    this.#silenceMs = options.silenceMs;
    this.#signal = options.signal;
    this.#connection = new Connection({
      url,
      Socket: options.WebSocket ?? platformSocket(),
      backoff: { firstMs: 250, maxMs: 8_000, ...options.backoff },
      status: (status) => this.#events.emit('status', status),
      opened: () => this.#onOpened(),
      message: (data) => this.#onMessage(data),
      lost: (code) => this.#onLost(code),
    });
    if (options.signal?.aborted) {
      this.#connection.close();
      return;
    }
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#connection.open();
  }

  get status(): StreamStatus {
    return this.#connection.status;
  }

  get configuration(): StreamConfiguration {
    return this.#configuration;
  }

  /** Calls `listener` on every such event until the function given back is called. */
  on<Name extends keyof StreamEvents>(name: Name, listener: (event: StreamEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Replaces the whole configuration, and translates the newest frame again with it.
   * @returns the number of the frame whose result will show it; undefined where none was pushed yet
   */
  configure(configuration: StreamConfiguration): number | undefined {
    this.#configuration = { ...configuration };
    this.#connection.wake();
    this.#sendConfiguration();
    if (this.#newest === undefined) return undefined;
    // One that has not been sent will be sent under the new configuration.
    return this.#waiting === undefined && !this.#preparing ? this.push(this.#newest) : this.#frames;
  }

  /**
   * Hands over the newest frame. One that waits here already is overtaken by it.
   * @returns the frame's number, which its result carries
   */
  push(source: FrameSource): number {
    this.#frames += 1;
    const frame = this.#frames;
    if (this.status.state === 'closed') return frame;
    const overtaken = this.#waiting;
    this.#newest = source;
    this.#waiting = { frame, source };
    if (overtaken !== undefined) {
      this.#events.emit('dropped', { frames: [overtaken.frame], reason: 'overtaken' });
    }
    this.#connection.wake();
    this.#pump();
    return frame;
  }

  /** Forgets the newest frame: neither `configure` nor a new connection translates it again. */
  forget(): void {
    this.#newest = undefined;
    this.#waiting = undefined;
  }

  /** Tries at once instead of at the end of the wait, for example when the network is back. */
  reconnect(): void {
    this.#connection.reconnect();
  }

  /** Ends the stream and every iteration over it. */
  close(): void {
    if (this.status.state === 'closed') return;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    clearTimeout(this.#pumpTimer);
    this.forget();
    this.#unanswered.lose();
    this.#connection.close();
  }

  [Symbol.asyncIterator](): AsyncGenerator<StreamResult, void, undefined> {
    return newestResults(this);
  }

  readonly #onAbort = () => this.close();

  #onOpened(): void {
    this.#sendConfiguration();
    this.#pump();
  }

  /** The newest frame without an answer is sent again on the next socket, once; all others were overtaken by it. */
  #onLost(code: number): boolean {
    const newest = this.#unanswered.lose();
    this.#announced = undefined;
    const problem = this.#resendLimit.whyNotAgain(newest, code);
    if (problem !== undefined) {
      this.#events.emit('error', { problem, frame: newest?.frame, willRetry: false });
    } else if (this.#waiting === undefined && !this.#preparing && newest !== undefined) {
      this.#waiting = { ...newest, repeated: true };
    }
    return this.#waiting !== undefined || this.#preparing;
  }

  #sendConfiguration(): void {
    this.#connection.send(JSON.stringify({ type: 'configure', ...this.#configuration }));
  }

  /** Sends the waiting frame as soon as the throttle, the network and the server allow. */
  #pump(): void {
    const { current } = this.#connection;
    const taken = this.#waiting;
    if (current === undefined || taken === undefined || this.#preparing) return;
    if (this.#unanswered.size >= this.#maxUnanswered) return;
    const throttled = this.#lastSentAt + this.#throttleMs - performance.now();
    const congested = this.#connection.bufferedAmount > MAX_BUFFERED_BYTES ? BUFFER_CHECK_MS : 0;
    const delay = Math.max(throttled, congested);
    if (delay > 0) {
      clearTimeout(this.#pumpTimer);
      this.#pumpTimer = setTimeout(() => this.#pump(), delay);
      return;
    }
    this.#waiting = undefined;
    this.#preparing = true;
    void bytesOf(taken.source).then(
      (bytes) => {
        this.#preparing = false;
        if (this.#connection.current === current) this.#send(taken, bytes);
        else if (this.#newest !== undefined) this.#waiting ??= taken;
        this.#pump();
      },
      (cause: unknown) => {
        this.#preparing = false;
        const detail = cause instanceof Error ? cause.message : String(cause);
        const problem = { title: 'Frame could not be made', status: 0, detail };
        this.#events.emit('error', { problem, frame: taken.frame, willRetry: false });
        this.#pump();
      },
    );
  }

  #send(taken: PushedFrame, bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): void {
    const { byteLength } = bytes;
    const problem = this.#resendLimit.whyNot(byteLength);
    if (problem !== undefined) {
      this.#events.emit('error', { problem, frame: taken.frame, willRetry: false });
      return;
    }
    this.#lastSentAt = performance.now();
    const sentAt = this.#lastSentAt;
    this.#unanswered.add({ ...taken, bytes: byteLength, sentAt, configuration: this.#configuration });
    this.#connection.send(bytes);
    this.#watch();
    this.#events.emit('sent', { frame: taken.frame });
  }

  #onMessage(data: unknown): void {
    if (typeof data === 'string') {
      this.#onText(JSON.parse(data) as ServerMessage);
    } else if (data instanceof ArrayBuffer && this.#announced !== undefined) {
      const message = this.#announced;
      this.#announced = undefined;
      this.#onPicture(message, data);
    }
    this.#watch();
    this.#pump();
  }

  #watch(): void {
    const { size, timeoutMs } = this.#unanswered;
    const limit = this.#silenceMs ?? Math.max(SILENCE_MS, timeoutMs + SILENCE_AFTER_DEADLINE_MS);
    this.#connection.watch(size > 0 ? limit : undefined);
  }

  #onText(message: ServerMessage): void {
    if (message.type === 'ready') {
      const { type: _, ...ready } = message;
      this.#events.emit('ready', ready);
    } else if (message.type === 'result') {
      this.#announced = message;
    } else if (message.type === 'dropped') {
      const sent = message.frames.map((frame) => this.#unanswered.answer(frame));
      const frames = sent.flatMap((each) => each?.frame ?? []);
      this.#events.emit('dropped', { frames, reason: message.reason });
    } else if (message.type === 'error') {
      // Which frame was too large is told when the connection closes, as it does now.
      if (this.#resendLimit.tells(message.problem)) return;
      const sent = message.frame === undefined ? undefined : this.#unanswered.answer(message.frame);
      this.#onProblem(message.problem, sent);
    }
  }

  #onPicture(message: ResultMessage, data: ArrayBuffer): void {
    const sent = this.#unanswered.answer(message.frame);
    if (sent === undefined) return;
    this.#events.emit('result', {
      frame: sent.frame,
      image: new Uint8Array(data),
      mediaType: `image/${message.format}`,
      model: message.model,
      seed: message.seed,
      width: message.width,
      height: message.height,
      batchSize: message.batch_size,
      timings: message.timings,
      warnings: message.warnings ?? [],
      roundTripMs: performance.now() - sent.sentAt,
      configuration: sent.configuration,
    });
  }

  /** A frame that met a passing problem, and that nothing newer has overtaken, gets another chance. */
  #onProblem(problem: Problem, sent: SentFrame | undefined): void {
    const newer = this.#waiting !== undefined || this.#preparing || this.#unanswered.size > 0;
    const passing = PASSING_STATUS.includes(problem.status);
    const willRetry = sent !== undefined && passing && !newer && this.#newest !== undefined;
    if (willRetry) {
      const { retry_after_seconds: asked } = problem;
      const seconds = typeof asked === 'number' ? Math.min(asked, MAX_RETRY_SECONDS) : DEFAULT_RETRY_SECONDS;
      this.#waiting = sent;
      this.#lastSentAt = performance.now() + seconds * 1000 - this.#throttleMs;
    }
    this.#events.emit('error', { problem, frame: sent?.frame, willRetry });
  }
}
