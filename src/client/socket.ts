/** The little of WebSocket that the client uses: browsers, Node 22 and the `ws` package all have it. */

export interface SocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  send(data: string | ArrayBuffer | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
}

export type SocketConstructor = new (url: string) => SocketLike;

/** The stream's address from the server's: `http://host/base` → `ws://host/base/v1/stream`. */
export function streamUrl(server: string | URL): string {
  const url = new URL(server);
  url.protocol = url.protocol.replace('http', 'ws');
  if (!/\/v1\/stream\/?$/.test(url.pathname)) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/stream`;
  url.hash = '';
  return url.href;
}

/** WebSocket of this platform. @throws Error where there is none and none was given */
export function platformSocket(): SocketConstructor {
  const found = (globalThis as { WebSocket?: unknown }).WebSocket;
  if (typeof found !== 'function') {
    throw new Error(
      'No global WebSocket here (Node before 22): pass one, for example `import { WebSocket } from "ws"`.',
    );
  }
  return found as SocketConstructor;
}
