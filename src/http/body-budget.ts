/** How many bytes of request bodies and frames may be in the house at once: they are held before admission can count pictures. */
import { Img2ImgError } from '../errors.js';

/** Nobody knows how long the others take to send; a second is long enough for most uploads to end. */
const RETRY_AFTER_SECONDS = 1;

/** What one body holds of the budget. */
export interface BodyShare {
  /** @throws Img2ImgError `queue_full` where a body with that many bytes to come could not be held now */
  expect(bytes: number): void;
  /**
   * Counts bytes that have come: what is only announced takes no memory, and whoever announces much and sends nothing
   * must not keep the others out.
   * @throws Img2ImgError `queue_full` when there is no room; a body that is alone always has
   */
  add(bytes: number): void;
  /** Calling it twice does no harm. */
  giveBack(): void;
}

export class BodyBudget {
  readonly #limit: number;
  #held = 0;

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  open(): BodyShare {
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
    return new Img2ImgError('queue_full', 'Too many images are being sent at once.', {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      details: { held_bytes: this.#held, limit_bytes: this.#limit },
    });
  }
}
