/**
 * A fixed number of places, shared among clients so that there is room for one that comes new, and nothing is taken back.
 * Each may hold up to a share of what the others leave free: the dynamic thresholds by which network switches share their
 * buffers (Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).
 */

/** How many times what stays free one client may hold: alone it has 8 of 9 places, and two have 8 of 17 each. */
const ALPHA = 8;

/** Why there is no room: all places together are too few, or the client holds its share of them. */
export type NoRoom = 'all' | 'share';

export class FairPlaces {
  readonly #limit: number;
  readonly #held = new Map<string, number>();
  #taken = 0;

  /** @param limit places there are */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Places that are held. */
  get taken(): number {
    return this.#taken;
  }

  /** Places that this client holds. */
  heldBy(client: string): number {
    return this.#held.get(client) ?? 0;
  }

  /** Why `count` more do not go to this client; undefined where they do. Who holds none gets whatever is free. */
  refusal(client: string, count: number): NoRoom | undefined {
    if (this.#taken + count > this.#limit) return 'all';
    const held = this.heldBy(client) + count;
    const free = this.#limit - this.#taken - count;
    return held > count && held > ALPHA * free ? 'share' : undefined;
  }

  /**
   * Takes places, which `refusal` must have allowed.
   * @returns gives them back; calling it twice does no harm
   */
  take(client: string, count: number): () => void {
    this.#add(client, count);
    let held = true;
    return () => {
      if (held) this.#add(client, -count);
      held = false;
    };
  }

  #add(client: string, count: number): void {
    this.#taken += count;
    const held = this.heldBy(client) + count;
    if (held === 0) this.#held.delete(client);
    else this.#held.set(client, held);
  }
}
