/** The door: how many pictures may be in the house at once, and what to say to the one that stays outside. */
import { Img2ImgError } from '../errors.js';

/** Retry-After counts whole seconds. */
const LONGEST_RETRY_SECONDS = 600;

export class Admission {
  readonly #limit: number;
  /** Expected milliseconds until what was admitted is answered. */
  readonly #backlogMs: () => number;
  #admitted = 0;
  #draining = false;

  constructor(limit: number, backlogMs: () => number) {
    this.#limit = limit;
    this.#backlogMs = backlogMs;
  }

  /** Pictures admitted and not yet answered. */
  get admitted(): number {
    return this.#admitted;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** From now on nobody is admitted. */
  drain(): void {
    this.#draining = true;
  }

  /**
   * @param count pictures asked for
   * @returns gives the places back; calling it twice does no harm
   * @throws Img2ImgError `queue_full` with the time the present backlog takes at measured speed; `invalid_request` where
   *   there will never be room for so many; `draining`
   */
  admit(count: number): () => void {
    if (this.#draining) throw new Img2ImgError('draining', 'The server is shutting down.');
    if (count > this.#limit) {
      const allowed = `at most ${this.#limit}`;
      const error = { field: 'n', value: count, allowed };
      throw new Img2ImgError('invalid_request', `n must be ${allowed} on this server, not ${count}.`, {
        details: { errors: [error] },
      });
    }
    if (this.#admitted + count > this.#limit) {
      const seconds = Math.ceil(this.#backlogMs() / 1000);
      const retryAfterSeconds = Math.min(Math.max(seconds, 1), LONGEST_RETRY_SECONDS);
      throw new Img2ImgError(
        'queue_full',
        `${this.#admitted} pictures are being made or wait; at most ${this.#limit} may. Try again in ${retryAfterSeconds} s.`,
        { retryAfterSeconds, details: { admitted: this.#admitted, limit: this.#limit } },
      );
    }
    this.#admitted += count;
    let held = true;
    return () => {
      if (held) this.#admitted -= count;
      held = false;
    };
  }
}
