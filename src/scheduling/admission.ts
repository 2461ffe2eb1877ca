/** The door: how many pictures may be in the house at once, and what to say to the one that stays outside. */
import { Img2ImgError } from '../errors.js';
import { FairPlaces, type NoRoom } from '../fair-places.js';

/** Retry-After counts whole seconds. */
const LONGEST_RETRY_SECONDS = 600;

export class Admission {
  readonly #limit: number;
  /** One for each picture. */
  readonly #places: FairPlaces;
  /** Expected milliseconds until what was admitted is answered. */
  readonly #backlogMs: () => number;
  #draining = false;

  constructor(limit: number, backlogMs: () => number) {
    this.#limit = limit;
    this.#places = new FairPlaces(limit);
    this.#backlogMs = backlogMs;
  }

  /** Pictures admitted and not yet answered. */
  get admitted(): number {
    return this.#places.taken;
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
   * @param client who asks: one that holds its share of the places leaves the rest to others
   * @returns gives the places back; calling it twice does no harm
   * @throws Img2ImgError `queue_full` with the time the present backlog takes at measured speed; `invalid_request` where
   *   there will never be room for so many; `draining`
   */
  admit(count: number, client: string): () => void {
    if (this.#draining) throw new Img2ImgError('draining', 'The server is shutting down.');
    if (count > this.#limit) {
      const allowed = `at most ${this.#limit}`;
      const error = { field: 'n', value: count, allowed };
      throw new Img2ImgError('invalid_request', `n must be ${allowed} on this server, not ${count}.`, {
        details: { errors: [error] },
      });
    }
    const noRoom = this.#places.refusal(client, count);
    if (noRoom !== undefined) throw this.#full(noRoom, this.#places.heldBy(client));
    return this.#places.take(client, count);
  }

  /** After the backlog's time there is room either way: what this client holds is part of it. */
  #full(noRoom: NoRoom, held: number): Img2ImgError {
    const seconds = Math.ceil(this.#backlogMs() / 1000);
    const retryAfterSeconds = Math.min(Math.max(seconds, 1), LONGEST_RETRY_SECONDS);
    const { admitted } = this;
    const limit = this.#limit;
    const [why, details] =
      noRoom === 'all'
        ? [`${admitted} pictures are being made or wait; at most ${limit} may.`, { full: 'queue' }]
        : [
            `This client has ${held} of at most ${limit} pictures being made or waiting, its share: the rest is for others.`,
            { full: 'share', client_admitted: held },
          ];
    return new Img2ImgError('queue_full', `${why} Try again in ${retryAfterSeconds} s.`, {
      retryAfterSeconds,
      details: { ...details, admitted, limit },
    });
  }
}
