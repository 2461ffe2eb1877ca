/** Which configuration a frame is translated with: one that the server refuses leaves the one before it in force. */
import type { StreamConfiguration } from './protocol.js';

/** A configuration as it was asked for. */
export interface Asked {
  readonly configuration: StreamConfiguration;
  /** What stays in force where this one is refused; none on a connection that has taken none yet. */
  before: Asked | undefined;
  refused: boolean;
}

export class Configurations {
  #latest: Asked;
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

  /** The latest goes out; on a new connection there is none before it. */
  sent(isFirst: boolean): void {
    if (isFirst) {
      this.#latest = { ...this.#latest, before: undefined, refused: false };
      this.#unanswered = [];
    }
    this.#unanswered.push(this.#latest);
  }

  accepted(): void {
    const asked = this.#unanswered.shift();
    if (asked !== undefined) asked.before = undefined;
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
