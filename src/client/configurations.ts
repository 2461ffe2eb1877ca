/** Which configuration a frame is translated with: one that the server refuses leaves the one before it in force. */
import type { StreamConfiguration } from './protocol.js';

/** A configuration as it was asked for. */
export interface Asked {
  readonly configuration: StreamConfiguration;
  /** What stays in force where this one is refused; none where the server has taken none yet. */
  before: Asked | undefined;
  refused: boolean;
}

export class Configurations {
  #latest: Asked;
  /** What the server last said yes to, on this connection or one before it. */
  #accepted: StreamConfiguration | undefined;
  /** Sent on this connection and not answered, oldest first: the server answers each of them, in order. */
  #unanswered: Asked[] = [];

  constructor(configuration: StreamConfiguration) {
    this.#latest = { configuration, before: undefined, refused: false };
  }

  /** The one that was asked for last. */
  get latest(): Asked {
    return this.#latest;
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
    const { configuration } = inForce(this.#latest) ?? this.#latest;
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

  accepted(): void {
    const asked = this.#unanswered.shift();
    if (asked === undefined) return;
    asked.before = undefined;
    this.#accepted = asked.configuration;
  }

  refused(): void {
    const asked = this.#unanswered.shift();
    if (asked === undefined) return;
    asked.refused = true;
    asked.before = inForce(asked.before);
  }
}

/** What a frame that was sent under `asked` is translated with, once the server has answered that; none: it fails. */
export function inForce(asked: Asked | undefined): Asked | undefined {
  let found = asked;
  while (found?.refused) found = found.before;
  return found;
}
