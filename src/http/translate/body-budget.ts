/** How many bytes of request bodies may be in the house at once: they are held before admission can count pictures. */
import { Img2ImgError } from '../../errors.js';

/** Nobody knows how long the others take to send; a second is long enough for most uploads to end. */
const RETRY_AFTER_SECONDS = 1;

export class BodyBudget {
  readonly #limit: number;
  #held = 0;

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * @param bytes what the body has, or at most may have
   * @returns gives them back; calling it twice does no harm
   * @throws Img2ImgError `queue_full` when there is no room; a single body always has
   */
  take(bytes: number): () => void {
    if (this.#held > 0 && this.#held + bytes > this.#limit) {
      throw new Img2ImgError('queue_full', 'Too many images are being sent at once.', {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        details: { held_bytes: this.#held, limit_bytes: this.#limit },
      });
    }
    this.#held += bytes;
    let held = true;
    return () => {
      if (held) this.#held -= bytes;
      held = false;
    };
  }
}
