/** The WebSocket of one stream: tells of a message over the limit while an answer can still be sent. */
import type { Socket } from 'node:net';
import WebSocket from 'ws';
import { TOO_BIG } from './closing.js';
import type { StreamSocket } from './connection.js';

/** ws closes by itself when a message is over `maxPayload`; its listener `oversize` is called just before. */
export class StreamWebSocket extends WebSocket {
  oversize: (() => void) | undefined;

  override close(code?: number, data?: string | Buffer): void {
    const { oversize } = this;
    this.oversize = undefined;
    if (code === TOO_BIG && oversize !== undefined) oversize();
    super.close(code, data);
  }
}

/** What a stream's connection needs of a WebSocket and of the TCP socket under it. */
export function streamSocket(webSocket: WebSocket, socket: Socket): StreamSocket {
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
    terminate: () => webSocket.terminate(),
  };
}
