/** The message that is coming in on a stream: what it holds of the server's memory, and how long it may take. */
import type { ByteBudget, ByteShare } from '../byte-budget.js';

/** Header and mask of a client's control frame, which is never fragmented nor longer than 125 bytes (RFC 6455, 5.5). */
const CONTROL_FRAME_BYTES = 6;

export interface ArrivalOptions {
  bodies: ByteBudget;
  /** Milliseconds from a message's first bytes to its last. */
  limitMs: number;
  /** The message is not whole by then. */
  late(): void;
}

export class Arrival {
  readonly #options: ArrivalOptions;
  #share: ByteShare;
  /** Bytes that have come since the last message, without control frames. */
  #bytes = 0;
  #limit: NodeJS.Timeout | undefined;

  constructor(options: ArrivalOptions) {
    this.#options = options;
    this.#share = options.bodies.open();
  }

  /**
   * Takes note of bytes before it is known what they are.
   * @throws Img2ImgError `queue_full` where there is no room for them
   */
  add(bytes: number): void {
    this.#bytes += bytes;
    this.#limit ??= setTimeout(this.#options.late, this.#options.limitMs).unref();
    this.#share.add(bytes);
  }

  /** Some of the bytes were a ping or a pong: they belong to no message, whether or not one is coming in. */
  control(payloadBytes: number): void {
    this.#bytes -= CONTROL_FRAME_BYTES + payloadBytes;
    if (this.#bytes <= 0) this.take().giveBack();
  }

  /** The message is whole; what came of the next one with its end counts as part of it. @returns what it holds */
  take(): ByteShare {
    const share = this.#share;
    this.#share = this.#options.bodies.open();
    this.#bytes = 0;
    clearTimeout(this.#limit);
    this.#limit = undefined;
    return share;
  }

  /** Nothing is taken in any more. */
  stop(): void {
    this.#share.giveBack();
    clearTimeout(this.#limit);
  }
}
