/** The seed and its dice: there for models that draw noise, at rest where the guidance leaves no room for it. */
import type { Catalogue } from '../session/catalogue.js';
import {
  gammaOf,
  randomSeed,
  type Settings,
  type SettingsStore,
  whySeedIsIdle,
} from '../session/settings.js';
import { find } from '../ui/dom.js';
import type { Notices } from './notices.js';

export class Seed {
  readonly #catalogue: Catalogue;
  readonly #store: SettingsStore;
  readonly #notices: Notices;
  readonly #field = find('#seed-field', HTMLElement);
  readonly #seed = find('#seed', HTMLInputElement);
  readonly #dice = find('#dice', HTMLButtonElement);
  readonly #hint = find('#seed-hint', HTMLElement);

  constructor(catalogue: Catalogue, store: SettingsStore, notices: Notices) {
    this.#catalogue = catalogue;
    this.#store = store;
    this.#notices = notices;
    this.#seed.addEventListener('change', () => {
      const seed = this.#seed.valueAsNumber;
      if (this.#seed.validity.valid && Number.isInteger(seed)) store.change({ seed });
      else this.#seed.value = String(store.current.seed);
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
    this.#seed.value = String(settings.seed);
    this.#field.hidden = gammaOf(this.#catalogue, settings) === undefined;
    this.#seed.disabled = idle !== undefined;
    this.#dice.disabled = idle !== undefined;
    this.#hint.hidden = idle === undefined;
    this.#hint.textContent = idle ?? '';
  }
}
