/** Four variations, laid over the picture like a contact sheet; choosing one takes its seed. */
import { problemOf, translate } from '../session/api.js';
import type { Catalogue } from '../session/catalogue.js';
import { configurationOf, type SettingsStore } from '../session/settings.js';
import { find, make } from '../ui/dom.js';
import type { Notices } from './notices.js';
import { removeThumbnail, thumbnail } from './thumbnail.js';

const VARIATIONS = 4;

export class Variations {
  readonly #sheet = find('#contact', HTMLElement);
  readonly #prints = find('#contact-prints', HTMLElement);
  readonly #open = find('#variations', HTMLButtonElement);
  readonly #catalogue: Catalogue;
  readonly #store: SettingsStore;
  readonly #notices: Notices;
  readonly #image: () => Promise<Blob | undefined>;
  #running: AbortController | undefined;

  /** `image` gives the drawing as it is, or nothing while it is empty. */
  constructor(
    catalogue: Catalogue,
    store: SettingsStore,
    notices: Notices,
    image: () => Promise<Blob | undefined>,
  ) {
    this.#catalogue = catalogue;
    this.#store = store;
    this.#notices = notices;
    this.#image = image;
    this.#open.addEventListener('click', () => void this.#make());
    find('#contact-close', HTMLButtonElement).addEventListener('click', () => this.#leave());
    this.#sheet.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.#leave();
    });
  }

  /** The drawing goes on: whoever draws wants to see the live picture. */
  close(): void {
    this.#running?.abort();
    if (this.#sheet.hidden) return;
    this.#sheet.hidden = true;
    this.#open.setAttribute('aria-expanded', 'false');
    this.#empty();
  }

  #leave(): void {
    this.close();
    this.#open.focus();
  }

  #empty(): void {
    for (const item of [...this.#prints.children]) removeThumbnail(item);
  }

  async #make(): Promise<void> {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    const image = await this.#image();
    if (image === undefined) {
      this.#notices.confirm('Draw something first.');
      return;
    }
    const settings = this.#store.current;
    const seed = (settings.seed + 1) | 0;
    this.#empty();
    this.#prints.append(...Array.from({ length: VARIATIONS }, () => make('li', { class: 'placeholder' })));
    this.#sheet.hidden = false;
    this.#open.setAttribute('aria-expanded', 'true');
    try {
      const configuration = {
        ...configurationOf(this.#catalogue, settings),
        seed,
        n: VARIATIONS,
        format: 'png' as const,
      };
      const images = await translate(image, configuration, running.signal);
      this.#empty();
      for (const variation of images) {
        const label = `Take this variation, seed ${variation.seed}`;
        const { item, button } = thumbnail(variation.blob, label);
        button.addEventListener('click', () => {
          this.#leave();
          this.#store.change({ ...settings, seed: variation.seed });
        });
        this.#prints.append(item);
      }
      this.#notices.announce(`${images.length} variations to choose from.`);
    } catch (error) {
      if (running.signal.aborted) return;
      this.close();
      this.#notices.problem(problemOf(error));
    }
  }
}
