/** Finds out that a stream's client is gone (pings) or has nothing more to say (idle limit). */

export interface HeartbeatSocket {
  /** Bytes that ever came in; a client from which none come between two pings is gone. */
  readonly bytesRead: number;
  ping(): void;
  terminate(reason: string): void;
}

export interface HeartbeatOptions {
  socket: HeartbeatSocket;
  pingMs: number;
  idleMs: number;
  /** Whether we have stopped reading; then nothing can come in, and only the idle limit counts. */
  paused(): boolean;
  /** Whether the client waits for us; meanwhile there is no idle limit. */
  busy(): boolean;
  idle(): void;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #pings: NodeJS.Timeout;
  readonly #idle: NodeJS.Timeout;
  /** None yet: the first ping goes out whatever came in. */
  #bytesAtPing = -1;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#pings = setInterval(() => this.#ping(), options.pingMs);
    this.#idle = setTimeout(() => {
      if (options.busy()) this.#idle.refresh();
      else options.idle();
    }, options.idleMs);
    this.#pings.unref();
    this.#idle.unref();
  }

  /** The client said something, or got what it waited for. */
  heard(): void {
    this.#idle.refresh();
  }

  stop(): void {
    clearInterval(this.#pings);
    clearTimeout(this.#idle);
  }

  #ping(): void {
    const { socket, paused } = this.#options;
    // Any byte will do, not only a pong: a large frame on a slow line lets none through before its end.
    if (socket.bytesRead === this.#bytesAtPing && !paused()) {
      socket.terminate('no answer to a ping');
      return;
    }
    this.#bytesAtPing = socket.bytesRead;
    socket.ping();
  }
}
