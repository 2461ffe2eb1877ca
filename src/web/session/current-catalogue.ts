/** What the server has to offer now: started again, it may have other models and styles than when the page was opened. */
import { fetchCatalogue } from './api.js';
import type { Catalogue, Model, Style } from './catalogue.js';

/** A server that has just started may be too busy to answer at once. */
const ATTEMPTS = 3;
const RETRY_MS = 2_000;

export class CurrentCatalogue implements Catalogue {
  #now: Catalogue;
  readonly #listeners = new Set<() => void>();
  #asking: Promise<boolean> | undefined;

  constructor(now: Catalogue) {
    this.#now = now;
  }

  get defaultModel(): string | undefined {
    return this.#now.defaultModel;
  }

  get models(): Model[] {
    return this.#now.models;
  }

  get styles(): Style[] {
    return this.#now.styles;
  }

  /** Listeners are called in the order in which they came. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Asks the server again, once for all who want to know at the same time.
   * @returns whether anything is other than before, as the listeners know by then; false where no answer came
   */
  renew(): Promise<boolean> {
    this.#asking ??= this.#renew().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #renew(): Promise<boolean> {
    // Out of reach again: the next connection asks anew.
    const fresh = (await fetched()) ?? this.#now;
    if (textOf(fresh) === textOf(this.#now)) return false;
    this.#now = fresh;
    for (const listener of this.#listeners) listener();
    return true;
  }
}

async function fetched(): Promise<Catalogue | undefined> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (attempt > 1) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    const catalogue = await fetchCatalogue().catch(() => undefined);
    if (catalogue !== undefined) return catalogue;
  }
  return undefined;
}

/** Without what is loaded at the moment, which says nothing of what there is. */
function textOf(catalogue: Catalogue): string {
  return JSON.stringify(catalogue, (name, value) => (name === 'residency' ? undefined : value));
}
