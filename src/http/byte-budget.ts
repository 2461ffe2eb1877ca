/**
 * How many bytes may be in the house at once where admission, which counts pictures, does not see them: request bodies
 * and frames before it, answers after.
 */
import { Img2ImgError } from '../errors.js';

/** Nobody knows how long the others take to send or read; a second is long enough for most to end. */
const RETRY_AFTER_SECONDS = 1;

/** What one body or answer holds of the budget. */
export interface ByteShare {
  /** @throws Img2ImgError `queue_full` where one with that many bytes to come could not be held now */
  expect(bytes: number): void;
  /**
   * Counts bytes that have come: what is only announced takes no memory, and whoever announces much and sends nothing
   * must not keep the others out.
   * @throws Img2ImgError `queue_full` when there is no room; one that is alone always has
   */
  add(bytes: number): void;
  /** Calling it twice does no harm. */
  giveBack(): void;
}

export class ByteBudget {
  readonly #limit: number;
  readonly #fullMessage: string;
  #held = 0;

  /**
   * @param limit bytes
   * @param fullMessage what is said where there is no room
   */
  constructor(limit: number, fullMessage: string) {
    this.#limit = limit;
    this.#fullMessage = fullMessage;
  }

  open(): ByteShare {
    let own = 0;
    let open = true;
    const expect = (bytes: number) => {
      const alone = this.#held === own;
      if (!alone && this.#held + bytes > this.#limit) throw this.#full();
    };
    return {
      expect,
      add: (bytes) => {
        // What still comes in after the answer is not kept.
        if (!open) return;
        expect(bytes);
        own += bytes;
        this.#held += bytes;
      },
      giveBack: () => {
        this.#held -= own;
        own = 0;
        open = false;
      },
    };
  }

  #full(): Img2ImgError {
    return new Img2ImgError('queue_full', this.#fullMessage, {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      details: { held_bytes: this.#held, limit_bytes: this.#limit },
    });
  }
}
