/** The WebSocket of one stream: tells of a message over the limit while an answer can still be sent, and how it ended. */
import type { Socket } from 'node:net';
import WebSocket from 'ws';
import { TOO_BIG } from './closing.js';
import type { StreamSocket } from './connection.js';

/** ws closes by itself when a message is over `maxPayload`; its listener `oversize` is called just before. */
export class StreamWebSocket extends WebSocket {
  oversize: (() => void) | undefined;
  #sentCode: number | undefined;
  #cutReason: string | undefined;

  /** The code of our own close message; ws tells of 1006 where the client's does not come back. */
  get sentCode(): number | undefined {
    return this.#sentCode;
  }

  /** Why it was cut without the client's close message. */
  get cutReason(): string | undefined {
    return this.#cutReason;
  }

  override close(code?: number, data?: string | Buffer): void {
    const { oversize } = this;
    this.oversize = undefined;
    if (code === TOO_BIG && oversize !== undefined) oversize();
    this.#sentCode ??= code;
    super.close(code, data);
  }

  /** ws itself gives no reason, and has but one: more pings than it keeps answers for. */
  override terminate(reason = 'too many pings at once'): void {
    if (this.readyState !== WebSocket.CLOSED) this.#cutReason ??= reason;
    super.terminate();
  }
}

/** What a stream's connection needs of a WebSocket and of the TCP socket under it. */
export function streamSocket(webSocket: StreamWebSocket, socket: Socket): StreamSocket {
  return {
    get bufferedAmount() {
      return webSocket.bufferedAmount;
    },
    get bytesRead() {
      return socket.bytesRead;
    },
    send(data, sent) {
      webSocket.send(data, { binary: typeof data !== 'string' }, sent);
    },
    ping() {
      if (webSocket.readyState === WebSocket.OPEN) webSocket.ping();
    },
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
    close: (code, reason) => webSocket.close(code, reason),
    terminate: (reason) => webSocket.terminate(reason),
  };
}
