/** Four variations, laid over the picture like a contact sheet; choosing one takes its seed and its guidance. */
import { problemOf, translate } from '../session/api.js';
import type { Catalogue } from '../session/catalogue.js';
import {
  configurationOf,
  gammaOf,
  type Settings,
  type SettingsStore,
  whySeedIsIdle,
} from '../session/settings.js';
import { find, make } from '../ui/dom.js';
import type { Notices } from './notices.js';
import { removeThumbnail, thumbnail } from './thumbnail.js';

const VARIATIONS = 4;
/**
 * Sketch guidance at which seeds are told apart by eye, and below which a sheet is made at the guidance that is set. Measured
 * with emoji-sketch on the duck: of four seeds' pictures, at 0.9 no value differs by more than 10 of 255, at 0.5 two to
 * four in a hundred do and they still look alike, at 0.2 ten; below that, outlines begin to dissolve. Larger models
 * differ by more, so what somebody has set that low is left.
 */
const VARIED_GAMMA = 0.2;
const LOW_GAMMA = 0.5;

export class Variations {
  readonly #sheet = find('#contact', HTMLElement);
  readonly #note = find('#contact-note', HTMLElement);
  readonly #prints = find('#contact-prints', HTMLElement);
  readonly #open = find('#variations', HTMLButtonElement);
  readonly #catalogue: Catalogue;
  readonly #store: SettingsStore;
  readonly #notices: Notices;
  readonly #image: () => Promise<Blob> | undefined;
  #running: AbortController | undefined;

  /** `image` gives the drawing as it is, or nothing while it is empty. */
  constructor(
    catalogue: Catalogue,
    store: SettingsStore,
    notices: Notices,
    image: () => Promise<Blob> | undefined,
  ) {
    this.#catalogue = catalogue;
    this.#store = store;
    this.#notices = notices;
    this.#image = image;
    this.#open.addEventListener('click', () => void this.#make());
    find('#contact-close', HTMLButtonElement).addEventListener('click', () => this.close());
    // Wherever the focus is: a click beside the sheet takes it away from there.
    addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || document.querySelector('dialog[open]') !== null) return;
      if (!this.#sheet.hidden) event.preventDefault();
      this.close();
    });
    store.onChange(() => this.#offer());
    this.#offer();
  }

  /** Also when the drawing goes on: whoever draws wants to see the live picture. */
  close(): void {
    this.#running?.abort();
    if (this.#sheet.hidden) return;
    // Only from here: who types or draws meanwhile keeps the focus.
    if (this.#sheet.contains(document.activeElement)) this.#open.focus();
    this.#sheet.hidden = true;
    this.#open.setAttribute('aria-expanded', 'false');
    this.#empty();
  }

  #offer(): void {
    const settings = this.#store.current;
    const idle = whySeedIsIdle(this.#catalogue, settings);
    this.#open.hidden = gammaOf(this.#catalogue, settings) === undefined;
    this.#open.setAttribute('aria-disabled', String(idle !== undefined));
    this.#open.title = idle ?? 'Four variations to choose from';
  }

  #empty(): void {
    for (const item of [...this.#prints.children]) removeThumbnail(item);
  }

  async #make(): Promise<void> {
    this.#notices.goOn();
    const settings = this.#store.current;
    const idle = whySeedIsIdle(this.#catalogue, settings);
    if (idle !== undefined) {
      this.#notices.confirm(idle);
      return;
    }
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    try {
      await this.#fill(settings, running.signal);
    } catch (error) {
      if (running.signal.aborted) return;
      this.close();
      this.#notices.problem(problemOf(error), 'action');
    }
  }

  async #fill(settings: Settings, signal: AbortSignal): Promise<void> {
    const image = await this.#image();
    // Whoever draws on in these milliseconds, or closes the sheet, wants no sheet.
    if (signal.aborted) return;
    if (image === undefined) {
      this.#notices.confirm('Draw something first.');
      return;
    }
    const set = gammaOf(this.#catalogue, settings) ?? VARIED_GAMMA;
    const gamma = set > LOW_GAMMA ? VARIED_GAMMA : set;
    const seed = (settings.seed + 1) | 0;
    this.#note.textContent =
      gamma === set
        ? ''
        : `Made at guidance ${gamma}: at ${set} they would look alike. Choosing one sets it.`;
    this.#empty();
    this.#prints.append(...Array.from({ length: VARIATIONS }, () => make('li', { class: 'placeholder' })));
    this.#sheet.hidden = false;
    this.#sheet.focus();
    this.#open.setAttribute('aria-expanded', 'true');
    const configuration = {
      ...configurationOf(this.#catalogue, settings),
      seed,
      gamma,
      n: VARIATIONS,
      format: 'png' as const,
    };
    const images = await translate(image, configuration, signal);
    this.#empty();
    for (const variation of images) {
      const label = `Take this variation, seed ${variation.seed}`;
      const { item, button } = thumbnail(variation.blob, label);
      button.addEventListener('click', () => {
        this.close();
        this.#store.change({ seed: variation.seed, gamma });
      });
      this.#prints.append(item);
    }
    this.#notices.announce(`${images.length} variations to choose from.`);
  }
}
