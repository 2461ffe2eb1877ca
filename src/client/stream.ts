/** The stream client: push frames as fast as they come, get the newest picture, and never mind the connection. */
import { type Backoff, backoffDelay } from './backoff.js';
import { Events } from './events.js';
import type { Problem, ResultMessage, ServerMessage, StreamConfiguration } from './protocol.js';
import { platformSocket, type SocketConstructor, type SocketLike, streamUrl } from './socket.js';
import type { FrameSource, StreamEvents, StreamOptions, StreamResult, StreamStatus } from './types.js';

interface Waiting {
  frame: number;
  source: FrameSource;
}

interface Sent extends Waiting {
  sentAt: number;
  configuration: StreamConfiguration;
}

/** More bytes than this not yet on the wire: the network is slower than the pen, so newer frames had better wait here. */
const MAX_BUFFERED_BYTES = 262_144;
/** Problems that pass: too many requests, and no engine just now. */
const PASSING_STATUS: readonly number[] = [429, 503];
const NORMAL_CLOSURE = 1000;
const MESSAGE_TOO_BIG = 1009;

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
  readonly #url: string;
  readonly #Socket: SocketConstructor;
  readonly #throttleMs: number;
  readonly #maxUnanswered: number;
  readonly #silenceMs: number;
  readonly #backoff: Backoff;
  readonly #signal: AbortSignal | undefined;
  readonly #events = new Events<StreamEvents>();

  #status: StreamStatus = { state: 'connecting', attempt: 0 };
  #socket: SocketLike | undefined;
  #attempt = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  #configuration: StreamConfiguration;
  #frames = 0;
  /** The newest frame ever pushed: `configure` translates it again. */
  #newest: FrameSource | undefined;
  /** Pushed and not sent: at most one. */
  #waiting: Waiting | undefined;
  /** A source was asked for its bytes and has not given them yet. */
  #preparing = false;
  #pumpTimer: ReturnType<typeof setTimeout> | undefined;
  #lastSentAt = Number.NEGATIVE_INFINITY;
  /** Binary frames sent on this connection; the server numbers them the same way. */
  #wireFrames = 0;
  /** By their number on this connection, oldest first. */
  #unanswered = new Map<number, Sent>();
  /** The text message whose picture is the next binary one. */
  #announced: ResultMessage | undefined;
  #silenceTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, options: StreamOptions) {
    this.#url = url;
    this.#Socket = options.WebSocket ?? platformSocket();
    this.#throttleMs = options.throttleMs ?? 33;
    this.#maxUnanswered = options.maxUnanswered ?? 3;
    this.#silenceMs = options.silenceMs ?? 90_000;
    this.#backoff = { firstMs: 250, maxMs: 8_000, ...options.backoff };
    this.#configuration = { ...options.configuration };
    this.#signal = options.signal;
    if (options.signal?.aborted) {
      this.#status = { state: 'closed' };
      return;
    }
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#open();
  }

  get status(): StreamStatus {
    return this.#status;
  }

  get configuration(): StreamConfiguration {
    return this.#configuration;
  }

  /** Calls `listener` on every such event until the function given back is called. */
  on<Name extends keyof StreamEvents>(name: Name, listener: (event: StreamEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Replaces the whole configuration, and translates the newest frame again with it. */
  configure(configuration: StreamConfiguration): void {
    this.#configuration = { ...configuration };
    this.#wake();
    if (this.#status.state === 'open') this.#sendConfiguration();
    if (this.#newest !== undefined && this.#waiting === undefined && !this.#preparing)
      this.push(this.#newest);
  }

  /**
   * Hands over the newest frame. One that waits here already is overtaken by it.
   * @returns the frame's number, which its result carries
   */
  push(source: FrameSource): number {
    this.#frames += 1;
    const frame = this.#frames;
    if (this.#status.state === 'closed') return frame;
    if (this.#waiting !== undefined) {
      this.#events.emit('dropped', { frames: [this.#waiting.frame], reason: 'overtaken' });
    }
    this.#newest = source;
    this.#waiting = { frame, source };
    this.#wake();
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
    if (this.#status.state === 'waiting' || this.#status.state === 'idle') this.#open();
  }

  /** Ends the stream and every iteration over it. */
  close(): void {
    if (this.#status.state === 'closed') return;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#pumpTimer);
    clearTimeout(this.#silenceTimer);
    this.forget();
    this.#unanswered.clear();
    const socket = this.#socket;
    this.#leaveSocket();
    socket?.close(NORMAL_CLOSURE);
    this.#setStatus({ state: 'closed' });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamResult, void, undefined> {
    let newest: StreamResult | undefined;
    let wake = () => {};
    const stop = [
      this.on('result', (result) => {
        newest = result;
        wake();
      }),
      this.on('status', () => wake()),
    ];
    try {
      for (;;) {
        if (newest !== undefined) {
          const result: StreamResult = newest;
          newest = undefined;
          yield result;
        } else if (this.#status.state === 'closed') {
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      for (const off of stop) off();
    }
  }

  readonly #onAbort = () => this.close();

  #setStatus(status: StreamStatus): void {
    this.#status = status;
    this.#events.emit('status', status);
  }

  #wake(): void {
    if (this.#status.state === 'idle') this.#open();
  }

  #open(): void {
    clearTimeout(this.#retryTimer);
    this.#setStatus({ state: 'connecting', attempt: this.#attempt });
    const socket = new this.#Socket(this.#url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.onopen = () => {
      this.#setStatus({ state: 'open' });
      this.#sendConfiguration();
      this.#pump();
    };
    socket.onmessage = (event: { data: unknown }) => this.#onMessage(event.data);
    // `close` follows every `error` and is where we act; Node's `ws` would throw an error nobody listens to.
    socket.onerror = () => {};
    socket.onclose = (event: { code: number }) => this.#onClose(event.code);
  }

  /** From here on nothing that the socket still says reaches us. */
  #leaveSocket(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#wireFrames = 0;
    this.#announced = undefined;
    clearTimeout(this.#silenceTimer);
    if (socket === undefined) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.onerror = () => {};
  }

  #onClose(code: number): void {
    const unanswered = [...this.#unanswered.values()];
    this.#unanswered.clear();
    this.#leaveSocket();
    if (code === MESSAGE_TOO_BIG) {
      const problem = {
        title: 'Frame too large',
        status: 413,
        detail: 'The server takes no frame this large.',
      };
      this.#events.emit('error', { problem, frame: unanswered.at(-1)?.frame, willRetry: false });
    } else {
      const newest = unanswered.at(-1);
      if (this.#waiting === undefined && newest !== undefined) this.#waiting = newest;
    }
    if (code === NORMAL_CLOSURE && this.#waiting === undefined && !this.#preparing) {
      this.#setStatus({ state: 'idle' });
      return;
    }
    const retryInMs = backoffDelay(this.#attempt, this.#backoff, Math.random());
    this.#attempt += 1;
    this.#retryTimer = setTimeout(() => this.#open(), retryInMs);
    this.#setStatus({ state: 'waiting', attempt: this.#attempt, retryInMs });
  }

  #sendConfiguration(): void {
    this.#socket?.send(JSON.stringify({ type: 'configure', ...this.#configuration }));
    this.#expectAnswer();
  }

  /** Sends the waiting frame as soon as the throttle, the network and the server allow. */
  #pump(): void {
    const socket = this.#socket;
    if (socket === undefined || this.#status.state !== 'open') return;
    if (this.#waiting === undefined || this.#preparing || this.#unanswered.size >= this.#maxUnanswered)
      return;
    const throttled = this.#lastSentAt + this.#throttleMs - performance.now();
    const delay = Math.max(throttled, socket.bufferedAmount > MAX_BUFFERED_BYTES ? 20 : 0);
    if (delay > 0) {
      clearTimeout(this.#pumpTimer);
      this.#pumpTimer = setTimeout(() => this.#pump(), delay);
      return;
    }
    const taken = this.#waiting;
    this.#waiting = undefined;
    this.#preparing = true;
    void bytesOf(taken.source).then(
      (bytes) => {
        this.#preparing = false;
        if (this.#socket === socket) this.#send(socket, taken, bytes);
        else if (this.#status.state !== 'closed') this.#waiting ??= taken;
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

  #send(socket: SocketLike, taken: Waiting, bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): void {
    this.#wireFrames += 1;
    this.#lastSentAt = performance.now();
    this.#unanswered.set(this.#wireFrames, {
      ...taken,
      sentAt: this.#lastSentAt,
      configuration: this.#configuration,
    });
    socket.send(bytes);
    this.#expectAnswer();
    this.#events.emit('sent', { frame: taken.frame });
  }

  #onMessage(data: unknown): void {
    this.#attempt = 0;
    if (typeof data === 'string') {
      this.#onText(JSON.parse(data) as ServerMessage);
    } else if (data instanceof ArrayBuffer && this.#announced !== undefined) {
      this.#onPicture(this.#announced, data);
      this.#announced = undefined;
    }
    this.#expectAnswer();
    this.#pump();
  }

  #onText(message: ServerMessage): void {
    if (message.type === 'ready') {
      const { type: _, ...ready } = message;
      this.#events.emit('ready', ready);
    } else if (message.type === 'result') {
      this.#announced = message;
    } else if (message.type === 'dropped') {
      const frames = message.frames
        .map((frame) => this.#answer(frame)?.frame)
        .filter((frame) => frame !== undefined);
      this.#events.emit('dropped', { frames, reason: message.reason });
    } else if (message.type === 'error') {
      this.#onProblem(message.problem, message.frame === undefined ? undefined : this.#answer(message.frame));
    }
  }

  #onPicture(message: ResultMessage, data: ArrayBuffer): void {
    const sent = this.#answer(message.frame);
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

  #onProblem(problem: Problem, sent: Sent | undefined): void {
    const newer = this.#waiting !== undefined || this.#preparing || this.#unanswered.size > 0;
    const willRetry = sent !== undefined && !newer && PASSING_STATUS.includes(problem.status);
    if (willRetry) {
      this.#waiting = sent;
      // The throttle counts from here: the frame waits as long as the server asks, or a second.
      const seconds = typeof problem.retry_after_seconds === 'number' ? problem.retry_after_seconds : 1;
      this.#lastSentAt = performance.now() + Math.min(seconds, 30) * 1000 - this.#throttleMs;
    }
    this.#events.emit('error', { problem, frame: sent?.frame, willRetry });
  }

  #answer(wireFrame: number | string): Sent | undefined {
    const sent = this.#unanswered.get(Number(wireFrame));
    this.#unanswered.delete(Number(wireFrame));
    return sent;
  }

  /** (Re)starts the watch over a connection that owes us something: a half-open one never says that it is gone. */
  #expectAnswer(): void {
    clearTimeout(this.#silenceTimer);
    if (this.#unanswered.size === 0) return;
    this.#silenceTimer = setTimeout(() => {
      const socket = this.#socket;
      this.#onClose(0);
      socket?.close();
    }, this.#silenceMs);
  }
}

async function bytesOf(source: FrameSource): Promise<ArrayBuffer | Uint8Array<ArrayBuffer>> {
  const frame = typeof source === 'function' ? await source() : source;
  if (frame instanceof Blob) return frame.arrayBuffer();
  if (frame instanceof ArrayBuffer) return frame;
  // A view may lie in shared memory, which a socket does not take.
  return frame.buffer instanceof ArrayBuffer ? (frame as Uint8Array<ArrayBuffer>) : Uint8Array.from(frame);
}
