/** Frames that were sent on the present connection and have no answer yet. */
import type { Asked } from './configurations.js';
import type { FrameSource } from './types.js';

export interface PushedFrame {
  /** What `push` gave back. */
  frame: number;
  source: FrameSource;
  /** Bytes of it were still unsent when the last connection was lost that it went out on. */
  cutOff?: boolean;
}

export interface SentFrame extends PushedFrame {
  bytes: number;
  /** On the clock of `performance.now()`. */
  sentAt: number;
  /** The configuration it was sent under, refused or not. */
  asked: Asked;
}

export class FramesInFlight {
  /** Binary frames sent on this connection; the server numbers them the same way. */
  #count = 0;
  readonly #byWireNumber = new Map<number, SentFrame>();

  get size(): number {
    return this.#byWireNumber.size;
  }

  get bytes(): number {
    return [...this.#byWireNumber.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  add(sent: SentFrame): void {
    this.#count += 1;
    this.#byWireNumber.set(this.#count, sent);
  }

  /** Takes out what the server's number stands for; undefined where that had an answer before. */
  answer(wireNumber: number | string): SentFrame | undefined {
    const sent = this.#byWireNumber.get(Number(wireNumber));
    this.#byWireNumber.delete(Number(wireNumber));
    return sent;
  }

  hasNewerThan(frame: number): boolean {
    return [...this.#byWireNumber.values()].some((sent) => sent.frame > frame);
  }

  /**
   * The connection is gone, and its numbers with it.
   * @returns those that will have no answer now, the newest last
   */
  lose(): SentFrame[] {
    const lost = [...this.#byWireNumber.values()];
    this.#byWireNumber.clear();
    this.#count = 0;
    return lost;
  }
}
