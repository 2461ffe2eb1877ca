/** One lasting connection out of many sockets: it comes back after every loss until it is closed. */
import { type Backoff, backoffDelay } from './backoff.js';
import type { SocketConstructor, SocketLike } from './socket.js';
import type { StreamStatus } from './types.js';

export const NORMAL_CLOSURE = 1000;
export const MESSAGE_TOO_BIG = 1009;
/** In place of a close code: the other side said nothing for too long, or we left it for a new connection. */
const SILENCE = 0;
const LEFT = -1;
/** Longest that a socket may take to open. */
const OPENING_MS = 15_000;
const UNSENT_CHECK_MS = 50;

/** How a connection ended. */
export interface Loss {
  code: number;
  /** We left it ourselves, which says nothing about what was sent. */
  onPurpose: boolean;
  /** Bytes handed over that were not on the wire yet. */
  unsentBytes: number;
}

export interface ConnectionOptions {
  url: string;
  Socket: SocketConstructor;
  backoff: Backoff;
  status(status: StreamStatus): void;
  /** A new socket is open: nothing said before has reached the server. */
  opened(): void;
  message(data: unknown): void;
  /** The socket is gone. Whether there is something left to say, so that it must come back by itself. */
  lost(loss: Loss): boolean;
}

export class Connection {
  readonly #options: ConnectionOptions;
  #status: StreamStatus = { state: 'connecting', attempt: 0 };
  #socket: SocketLike | undefined;
  /** Attempts since the server last did what it is for. */
  #attempt = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #silenceTimer: ReturnType<typeof setTimeout> | undefined;
  /** `bufferedAmount` a moment ago: that of the `ws` package is 0 as soon as the connection is lost. */
  #unsentBytes = 0;
  #unsentTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get status(): StreamStatus {
    return this.#status;
  }

  /** Stands for the socket that is open now: another one, another object; undefined while there is none. */
  get current(): object | undefined {
    return this.#status.state === 'open' ? this.#socket : undefined;
  }

  /** Bytes handed over and not yet on the wire. */
  get bufferedAmount(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  open(): void {
    clearTimeout(this.#retryTimer);
    this.#setStatus({ state: 'connecting', attempt: this.#attempt });
    const socket = new this.#options.Socket(this.#options.url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.watch(OPENING_MS);
    socket.onopen = () => {
      this.watch(undefined);
      this.#setStatus({ state: 'open' });
      this.#options.opened();
    };
    socket.onmessage = (event: { data: unknown }) => this.#options.message(event.data);
    // `close` follows every `error` and is where we act; Node's `ws` would throw an error nobody listens to.
    socket.onerror = () => {};
    socket.onclose = (event: { code: number }) => this.#onClose(event.code);
  }

  /** The server does what it is for: the next loss is the first one again. */
  works(): void {
    this.#attempt = 0;
  }

  /** Opens again what the server ended for want of use. */
  wake(): void {
    if (this.#status.state === 'idle') this.open();
  }

  /** Tries at once instead of at the end of the wait; leaves a socket that still opens, or that owes us something. */
  reconnect(): void {
    const { state } = this.#status;
    if (state === 'waiting' || state === 'idle') {
      this.open();
    } else if (this.#silenceTimer !== undefined) {
      const socket = this.#socket;
      const unsentBytes = this.#leaveSocket();
      socket?.close();
      this.#options.lost({ code: LEFT, onPurpose: true, unsentBytes });
      this.open();
    }
  }

  send(data: string | ArrayBuffer | Uint8Array<ArrayBuffer>): void {
    if (this.#status.state !== 'open') return;
    this.#socket?.send(data);
    this.#unsentTimer ??= setTimeout(() => this.#checkUnsent(), UNSENT_CHECK_MS);
  }

  /**
   * (Re)starts or ends the watch: a half-open connection never says that it is gone.
   * @param silenceMs a connection that says nothing for this long is given up; undefined where it owes no answer
   */
  watch(silenceMs: number | undefined): void {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = undefined;
    if (silenceMs === undefined) return;
    this.#silenceTimer = setTimeout(() => {
      const socket = this.#socket;
      this.#onClose(SILENCE);
      socket?.close();
    }, silenceMs);
  }

  close(): void {
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    this.#leaveSocket();
    socket?.close(NORMAL_CLOSURE);
    this.#setStatus({ state: 'closed' });
  }

  #onClose(code: number): void {
    const unsentBytes = this.#leaveSocket();
    const mustReturn = this.#options.lost({ code, onPurpose: false, unsentBytes });
    if (code === NORMAL_CLOSURE && !mustReturn) {
      this.#setStatus({ state: 'idle' });
      return;
    }
    const retryInMs = backoffDelay(this.#attempt, this.#options.backoff, Math.random());
    this.#attempt += 1;
    this.#retryTimer = setTimeout(() => this.open(), retryInMs);
    this.#setStatus({ state: 'waiting', attempt: this.#attempt, retryInMs });
  }

  #checkUnsent(): void {
    this.#unsentBytes = this.bufferedAmount;
    this.#unsentTimer =
      this.#unsentBytes > 0 ? setTimeout(() => this.#checkUnsent(), UNSENT_CHECK_MS) : undefined;
  }

  /**
   * From here on nothing that the socket still says reaches us.
   * @returns bytes that it had not put onto the wire
   */
  #leaveSocket(): number {
    this.watch(undefined);
    clearTimeout(this.#unsentTimer);
    this.#unsentTimer = undefined;
    const unsentBytes = this.#unsentBytes || this.bufferedAmount;
    this.#unsentBytes = 0;
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return unsentBytes;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.onerror = () => {};
    return unsentBytes;
  }

  #setStatus(status: StreamStatus): void {
    this.#status = status;
    this.#options.status(status);
  }
}
