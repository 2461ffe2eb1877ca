/** Which frames are not sent, or not sent again: those that are too large, for the server or for something before it. */
import { type Loss, MESSAGE_TOO_BIG } from './connection.js';
import type { SentFrame } from './frames-in-flight.js';
import type { Problem } from './protocol.js';

const TOO_LARGE = 'body_too_large';
/** Where the server closed with 1009 and nothing it said before came through. */
const UNTOLD: Problem = {
  title: 'Frame too large',
  status: 413,
  detail: 'The server takes no frame this large.',
};

export class ResendLimit {
  /** What the server said of the first frame over its limit. */
  #tooLarge: Problem | undefined;

  /** Takes note of a problem where it is about size; the server closes the connection after it. */
  tells(problem: Problem): boolean {
    if (problem.code !== TOO_LARGE) return false;
    this.#tooLarge = problem;
    return true;
  }

  /** What is wrong with sending that many bytes; undefined where nothing is. */
  whyNot(bytes: number): Problem | undefined {
    const limit = this.#tooLarge?.limit_bytes;
    return typeof limit === 'number' && bytes > limit ? this.#tooLarge : undefined;
  }

  /**
   * What is wrong with sending a frame once more. That its connection was lost is nothing: lines are lost all the time.
   * @param lost the newest one without an answer; none where nothing was owed
   */
  whyNotAgain(lost: SentFrame | undefined, { code, onPurpose, unsentBytes }: Loss): Problem | undefined {
    const tooLarge = this.whyNot(lost?.bytes ?? 0);
    if (tooLarge !== undefined) return tooLarge;
    // Without a limit told, the newest is the likeliest to have been too large; without a frame, it was something else.
    const guilty = lost === undefined || typeof this.#tooLarge?.limit_bytes !== 'number';
    if (code === MESSAGE_TOO_BIG && guilty) return this.#tooLarge ?? UNTOLD;
    if (onPurpose || unsentBytes === 0 || lost?.cutOff !== true) return undefined;
    const detail = 'The connection was lost twice in the middle of this frame; it may be too large.';
    return { title: 'Frame not sent', status: 0, detail };
  }
}
