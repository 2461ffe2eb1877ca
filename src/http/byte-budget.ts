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
  /**
   * Counts them as soon as there is room, after all who wait already; `add` waits for nobody.
   * @throws Img2ImgError `queue_full` when the signal fires before
   */
  addWhenRoom(bytes: number, signal: AbortSignal): Promise<void>;
  /** Calling it twice does no harm. */
  giveBack(): void;
}

export class ByteBudget {
  readonly #limit: number;
  readonly #fullMessage: string;
  #held = 0;
  /** In order of arrival: each counts its bytes and says so, or finds no room yet. */
  readonly #waiting = new Set<() => boolean>();

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
    const fits = (bytes: number) => this.#held === own || this.#held + bytes <= this.#limit;
    const expect = (bytes: number) => {
      if (!fits(bytes)) throw this.#full();
    };
    const count = (bytes: number) => {
      own += bytes;
      this.#held += bytes;
    };
    return {
      expect,
      add: (bytes) => {
        // What still comes in after the answer is not kept.
        if (!open) return;
        expect(bytes);
        count(bytes);
      },
      addWhenRoom: (bytes, signal) =>
        this.#wait(() => {
          if (!fits(bytes)) return false;
          count(bytes);
          return true;
        }, signal),
      giveBack: () => {
        this.#held -= own;
        own = 0;
        open = false;
        this.#wake();
      },
    };
  }

  /** Resolves when `take` has said yes. */
  #wait(take: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.delete(turn);
        reject(this.#full());
        // Those behind may ask for less.
        this.#wake();
      };
      const turn = () => {
        if (!take()) return false;
        signal.removeEventListener('abort', giveUp);
        resolve();
        return true;
      };
      this.#waiting.add(turn);
      if (signal.aborted) return giveUp();
      signal.addEventListener('abort', giveUp, { once: true });
      this.#wake();
    });
  }

  /** Nobody is passed by one behind who asks for less: whoever asks for much would never come in. */
  #wake(): void {
    for (const turn of this.#waiting) {
      if (!turn()) return;
      this.#waiting.delete(turn);
    }
  }

  #full(): Img2ImgError {
    return new Img2ImgError('queue_full', this.#fullMessage, {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      details: { held_bytes: this.#held, limit_bytes: this.#limit },
    });
  }
}
