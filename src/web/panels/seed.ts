/** The seed and its dice: there for models that draw noise, at rest where the guidance leaves no room for it. */
import type { Catalogue } from '../session/catalogue.js';
import {
  gammaOf,
  isSeed,
  randomSeed,
  type Settings,
  type SettingsStore,
  whySeedIsIdle,
} from '../session/settings.js';
import { find } from '../ui/dom.js';
import type { Notices } from './notices.js';

const TAKES = 'Not used: a seed is a whole number from −2147483648 to 2147483647.';

export class Seed {
  readonly #catalogue: Catalogue;
  readonly #store: SettingsStore;
  readonly #notices: Notices;
  readonly #field = find('#seed-field', HTMLElement);
  readonly #seed = find('#seed', HTMLInputElement);
  readonly #dice = find('#dice', HTMLButtonElement);
  readonly #hint = find('#seed-hint', HTMLElement);

  /** What stands there is no seed: it stays to be mended, until another one takes its place. */
  #wrong = false;
  #inUse: number | undefined;

  constructor(catalogue: Catalogue, store: SettingsStore, notices: Notices) {
    this.#catalogue = catalogue;
    this.#store = store;
    this.#notices = notices;
    this.#seed.addEventListener('change', () => {
      const seed = this.#seed.valueAsNumber;
      this.#wrong = !isSeed(seed);
      if (this.#wrong) this.#show(store.current);
      else store.change({ seed });
    });
    this.#dice.addEventListener('click', () => this.roll());
    store.onChange((settings) => this.#show(settings));
    this.#show(store.current);
  }

  /** Where no seed would change anything, it says so instead. */
  roll(): void {
    const idle = whySeedIsIdle(this.#catalogue, this.#store.current);
    if (idle === undefined) this.#store.change({ seed: randomSeed() });
    else this.#notices.confirm(idle);
  }

  #show(settings: Settings): void {
    const idle = whySeedIsIdle(this.#catalogue, settings);
    if (settings.seed !== this.#inUse || idle !== undefined) this.#wrong = false;
    this.#inUse = settings.seed;
    if (!this.#wrong) this.#seed.value = String(settings.seed);
    this.#seed.setAttribute('aria-invalid', String(this.#wrong));
    this.#field.hidden = gammaOf(this.#catalogue, settings) === undefined;
    this.#seed.disabled = idle !== undefined;
    this.#dice.disabled = idle !== undefined;
    const hint = this.#wrong ? TAKES : (idle ?? '');
    this.#hint.hidden = hint === '';
    if (this.#hint.textContent !== hint) this.#hint.textContent = hint;
  }
}
