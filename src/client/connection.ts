/** One lasting connection out of many sockets: it comes back after every loss until it is closed. */
import { type Backoff, backoffDelay } from './backoff.js';
import type { SocketConstructor, SocketLike } from './socket.js';
import type { StreamStatus } from './types.js';
import { type Owed, Watch } from './watch.js';

const NORMAL_CLOSURE = 1000;
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
  silenceMs: number | undefined;
  status(status: StreamStatus): void;
  /** A new socket is open: nothing said before has reached the server. */
  opened(): void;
  message(data: unknown): void;
  /** Says something that the server answers at once. Whether there was something to say. */
  ask(): boolean;
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
  #openingTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #watch: Watch;
  /** `bufferedAmount` a moment ago: that of the `ws` package is 0 as soon as the connection is lost. */
  #unsentBytes = 0;
  #unsentTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { silenceMs } = options;
    this.#watch = new Watch({ silenceMs, ask: () => options.ask(), giveUp: () => this.#giveUp() });
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
    const socket = new this.#options.Socket(this.#options.url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#openingTimer = setTimeout(() => this.#giveUp(), OPENING_MS);
    socket.onopen = () => {
      clearTimeout(this.#openingTimer);
      this.#setStatus({ state: 'open' });
      this.#options.opened();
    };
    socket.onmessage = (event: { data: unknown }) => {
      this.#watch.heard();
      this.#options.message(event.data);
    };
    // `close` follows every `error` and is where we act; Node's `ws` would throw an error nobody listens to.
    socket.onerror = () => {};
    socket.onclose = (event: { code: number }) => this.#onClose(event.code);
    // Last: whoever is told may close all this, or leave it for another one.
    this.#setStatus({ state: 'connecting', attempt: this.#attempt });
  }

  /** The server does what it is for: the next loss is the first one again. */
  works(): void {
    this.#attempt = 0;
    this.#watch.works();
  }

  /** What the connection owes us from now on: one that owes something and says nothing is left for another. */
  owes(owed: Owed | undefined): void {
    this.#watch.owes(owed);
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
    } else if (state === 'connecting' || this.#watch.owed) {
      const socket = this.#socket;
      const unsentBytes = this.#leaveSocket();
      socket?.close();
      if (this.#lost({ code: LEFT, onPurpose: true, unsentBytes }) !== undefined) this.open();
    }
  }

  /** Tries at once instead of at the end of the wait; leaves a socket that does not answer within seconds. */
  check(): void {
    const { state } = this.#status;
    if (state === 'waiting') this.open();
    else if (state === 'open') this.#watch.check();
  }

  send(data: string | ArrayBuffer | Uint8Array<ArrayBuffer>): void {
    if (this.#status.state !== 'open') return;
    this.#socket?.send(data);
    this.#unsentTimer ??= setTimeout(() => this.#checkUnsent(), UNSENT_CHECK_MS);
  }

  close(): void {
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    this.#leaveSocket();
    socket?.close(NORMAL_CLOSURE);
    this.#setStatus({ state: 'closed' });
  }

  #giveUp(): void {
    const socket = this.#socket;
    this.#onClose(SILENCE);
    socket?.close();
  }

  #onClose(code: number): void {
    const unsentBytes = this.#leaveSocket();
    const mustReturn = this.#lost({ code, onPurpose: false, unsentBytes });
    if (mustReturn === undefined) return;
    if (code === NORMAL_CLOSURE && !mustReturn) {
      this.#setStatus({ state: 'idle' });
      return;
    }
    const retryInMs = backoffDelay(this.#attempt, this.#options.backoff, Math.random());
    this.#attempt += 1;
    this.#retryTimer = setTimeout(() => this.open(), retryInMs);
    this.#setStatus({ state: 'waiting', attempt: this.#attempt, retryInMs });
  }

  /** @returns whether it must come back; undefined where someone who was told has decided: closed it, or opened another */
  #lost(loss: Loss): boolean | undefined {
    const before = this.#status;
    const mustReturn = this.#options.lost(loss);
    return this.#status === before ? mustReturn : undefined;
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
    this.#watch.stop();
    clearTimeout(this.#openingTimer);
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
