/** A WebSocket server that says what the test tells it to, and keeps what it was sent. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export class ScriptConnection {
  readonly configurations: Record<string, unknown>[] = [];
  /** The bytes of every frame, as text. */
  readonly frames: string[] = [];
  readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer, binary) => {
      if (binary) this.frames.push(data.toString());
      else this.configurations.push(JSON.parse(data.toString()));
    });
  }

  /** Answers a frame with a picture: its own bytes after `picture of `. */
  result(frame: number, more: Record<string, unknown> = {}): void {
    const timings = { decode: 1, queue: 2, inference: 3, encode: 4, total: 10 };
    const size = { format: 'png', width: 64, height: 64, batch_size: 1 };
    this.text({ type: 'result', frame, model: 'tiny', seed: 7, ...size, timings, ...more });
    this.socket.send(Buffer.from(`picture of ${this.frames[frame - 1]}`));
  }

  text(message: Record<string, unknown>): void {
    this.socket.send(JSON.stringify(message));
  }
}

export class ScriptServer {
  readonly connections: ScriptConnection[] = [];
  #server: WebSocketServer | undefined;
  #port = 0;

  /** Listens on a free port, and after a stop on the same one again. */
  async start(): Promise<void> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: this.#port, path: '/v1/stream' });
    server.on('connection', (socket) => this.connections.push(new ScriptConnection(socket)));
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** As a crash does it: no goodbyes. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The newest connection. */
  get connection(): ScriptConnection {
    const newest = this.connections.at(-1);
    if (newest === undefined) throw new Error('Nobody has connected');
    return newest;
  }
}
