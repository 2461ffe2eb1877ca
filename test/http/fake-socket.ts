/** A stream's socket without a network: the test decides how far the client has read. */
import type { StreamSocket } from '../../src/http/stream/connection.js';
import type { ServerMessage } from '../../src/http/stream/messages.js';

export class FakeSocket implements StreamSocket {
  bufferedAmount = 0;
  bytesRead = 0;
  readonly sent: (ServerMessage | Uint8Array)[] = [];
  readonly closes: [number, string][] = [];
  pings = 0;
  terminated = false;
  paused = false;
  /** While false, what is sent piles up. */
  reading = true;
  #unread: { bytes: number; sent: () => void }[] = [];

  send(data: string | Uint8Array, sent: () => void): void {
    this.sent.push(typeof data === 'string' ? (JSON.parse(data) as ServerMessage) : data);
    this.#unread.push({ bytes: data.length, sent });
    this.bufferedAmount += data.length;
    if (this.reading) setImmediate(() => this.readOn());
  }

  /** The client reads everything there is. */
  readOn(): void {
    for (const { bytes, sent } of this.#unread.splice(0)) {
      this.bufferedAmount -= bytes;
      sent();
    }
  }

  ping(): void {
    this.pings++;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  close(code: number, reason: string): void {
    this.closes.push([code, reason]);
  }
  terminate(): void {
    this.terminated = true;
  }

  messages(): ServerMessage[] {
    return this.sent.filter((item): item is ServerMessage => !(item instanceof Uint8Array));
  }

  ofType<T extends ServerMessage['type']>(type: T): Extract<ServerMessage, { type: T }>[] {
    return this.messages().filter(
      (message): message is Extract<ServerMessage, { type: T }> => message.type === type,
    );
  }
}
