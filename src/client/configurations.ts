/** Which configuration a frame is translated with: one that the server refuses leaves the one before it in force. */
import type { Problem, StreamConfiguration } from './protocol.js';

/** A configuration as it was asked for. */
export interface Asked {
  readonly configuration: StreamConfiguration;
  /** What stays in force where this one is refused; none where the server has taken none yet. */
  before: Asked | undefined;
  refused: boolean;
}

/** In place of one that was asked for: what the server has taken already, sent once more for the sake of an answer. */
const AGAIN = Symbol('again');

export class Configurations {
  #latest: Asked;
  /** What the server last said yes to, on this connection or one before it. */
  #accepted: StreamConfiguration | undefined;
  /** The one it chose for `#accepted` where that has none. */
  #seed: number | undefined;
  #refusal: Problem | undefined;
  /** Sent on this connection and not answered, oldest first: the server answers each of them, in order. */
  #unanswered: (Asked | typeof AGAIN)[] = [];

  constructor(configuration: StreamConfiguration) {
    this.#latest = { configuration, before: undefined, refused: false };
  }

  /** The one that was asked for last. */
  get latest(): Asked {
    return this.#latest;
  }

  /** The one asked for last and not refused; one that was where the server has taken none. */
  get current(): StreamConfiguration {
    return (inForce(this.#latest) ?? this.#latest).configuration;
  }

  /** Why the last one was refused, where that leaves none; undefined where there is one, or one may still be taken. */
  get refusal(): Problem | undefined {
    return inForce(this.#latest) === undefined ? this.#refusal : undefined;
  }

  ask(configuration: StreamConfiguration): void {
    this.#latest = { configuration, before: inForce(this.#latest), refused: false };
  }

  /** The latest goes out on the connection there is. */
  sent(): StreamConfiguration {
    this.#unanswered.push(this.#latest);
    return this.#latest.configuration;
  }

  /**
   * What a new connection is told, in order: the latest that was not refused and, where the server has not taken that one
   * yet, first the one it has taken, which is in force if it says no.
   */
  renewed(): StreamConfiguration[] {
    const configuration = this.current;
    const known = this.#accepted ?? configuration;
    this.#unanswered = [];
    this.#latest = { configuration: known, before: undefined, refused: false };
    const told = [this.sent()];
    if (known !== configuration) {
      this.ask(configuration);
      told.push(this.sent());
    }
    return told;
  }

  /** Whether an answer to a configuration is still to come. */
  get awaited(): boolean {
    return this.#unanswered.length > 0;
  }

  /** The one in force goes out once more, with the seed it has; undefined where the server has taken none. */
  again(): StreamConfiguration | undefined {
    if (this.#accepted === undefined) return undefined;
    this.#unanswered.push(AGAIN);
    return { ...this.#accepted, seed: this.#seed };
  }

  /**
   * @param seed what the server chose, or was told
   * @returns whether it is to be told: not where it is the answer to one that was sent again
   */
  accepted(seed: number): boolean {
    const asked = this.#unanswered.shift();
    if (asked === AGAIN) return false;
    if (asked !== undefined) {
      asked.before = undefined;
      this.#accepted = asked.configuration;
      this.#seed = seed;
    }
    return true;
  }

  /** @returns whether it is to be told, as above */
  refused(problem: Problem): boolean {
    const asked = this.#unanswered.shift();
    if (asked === AGAIN) return false;
    if (asked !== undefined) {
      asked.refused = true;
      this.#refusal = problem;
      asked.before = inForce(asked.before);
    }
    return true;
  }
}

/** What a frame that was sent under `asked` is translated with, once the server has answered that; none: it fails. */
export function inForce(asked: Asked | undefined): Asked | undefined {
  let found = asked;
  while (found?.refused) found = found.before;
  return found;
}
