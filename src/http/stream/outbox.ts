/** What goes out to a stream's client, and how far the client is behind in reading it. */
import type { FrameId, ServerMessage } from './messages.js';

export interface OutboxSocket {
  /** Bytes handed to `send` that the operating system has not taken yet. */
  readonly bufferedAmount: number;
  send(data: string | Uint8Array, sent: () => void): void;
  pause(): void;
  resume(): void;
}

/** Past this many unread bytes no new frame is started: room for a large picture to travel while the next one is made. */
const LAG_BYTES = 1024 * 1024;
/** Past this many even small notices pile up: the client is not listened to until it reads. */
export const STALL_BYTES = 4 * 1024 * 1024;
/** Frames named in one `dropped` message, so that notices held back for a lagging reader stay small. */
const MAX_DROPPED = 256;

type Reason = 'overtaken' | 'unchanged';

export class Outbox {
  readonly #socket: OutboxSocket;
  readonly #drained: () => void;
  readonly #dropped: Record<Reason, FrameId[]> = { overtaken: [], unchanged: [] };
  #flushing = false;
  #paused = false;

  /** `drained` is called whenever the client has read on. */
  constructor(socket: OutboxSocket, drained: () => void) {
    this.#socket = socket;
    this.#drained = drained;
  }

  get lagging(): boolean {
    return this.#socket.bufferedAmount > LAG_BYTES;
  }

  get paused(): boolean {
    return this.#paused;
  }

  send(message: ServerMessage): void {
    this.#flushDropped();
    this.#write(JSON.stringify(message));
  }

  /** @param gone is called when the operating system has taken the picture */
  sendPicture(message: ServerMessage, picture: Uint8Array, gone: () => void): void {
    this.send(message);
    this.#write(picture, gone);
  }

  /** Tells of a dropped frame: together with others of this turn, or when a lagging client has caught up. */
  dropped(frame: FrameId, reason: Reason): void {
    this.#dropped[reason].push(frame);
    if (this.#dropped[reason].length >= MAX_DROPPED) this.#flushDropped();
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      if (!this.lagging) this.#flushDropped();
    });
  }

  #flushDropped(): void {
    for (const reason of ['overtaken', 'unchanged'] as const) {
      const frames = this.#dropped[reason].splice(0);
      if (frames.length > 0) this.#write(JSON.stringify({ type: 'dropped', frames, reason }));
    }
  }

  #write(data: string | Uint8Array, gone?: () => void): void {
    this.#socket.send(data, () => {
      gone?.();
      this.#sent();
    });
    if (!this.#paused && this.#socket.bufferedAmount > STALL_BYTES) {
      this.#paused = true;
      this.#socket.pause();
    }
  }

  #sent(): void {
    if (this.#paused && !this.lagging) {
      this.#paused = false;
      this.#socket.resume();
    }
    if (!this.lagging) {
      this.#flushDropped();
      this.#drained();
    }
  }
}
