/** The rows of small pictures: the last results, and variations of one. */
import { type Catalogue, problemOf, translate } from '../session/api.js';
import type { Made } from '../session/live.js';
import { configurationOf, type SettingsStore } from '../session/settings.js';
import { find, make } from '../ui/dom.js';
import type { Notices } from './notices.js';

const KEPT = 24;
const VARIATIONS = 4;

/** The last results, newest first; choosing one brings back its drawing and settings. */
export class HistoryStrip {
  readonly #tray = find('#history-tray', HTMLElement);
  readonly #list = find('#history', HTMLElement);
  readonly #restore: (made: Made) => void;
  #latest: Made | undefined;

  constructor(restore: (made: Made) => void) {
    this.#restore = restore;
  }

  add(made: Made): void {
    if (made === this.#latest) return;
    this.#latest = made;
    this.#tray.hidden = false;
    const words = made.configuration.prompt ?? 'Picture';
    const { item, button } = thumbnail(made.picture, `Go back to: ${words}, seed ${made.seed}`);
    button.addEventListener('click', () => this.#restore(made));
    this.#list.prepend(item);
    while (this.#list.children.length > KEPT) removeThumbnail(this.#list.lastElementChild);
  }
}

/** The same drawing with other seeds, made as one batch; choosing one takes its seed. */
export class VariationsTray {
  readonly #tray = find('#variations-tray', HTMLElement);
  readonly #list = find('#variations-list', HTMLElement);
  readonly #catalogue: Catalogue;
  readonly #store: SettingsStore;
  readonly #notices: Notices;
  #running: AbortController | undefined;

  constructor(
    catalogue: Catalogue,
    store: SettingsStore,
    notices: Notices,
    image: () => Promise<Blob | undefined>,
  ) {
    this.#catalogue = catalogue;
    this.#store = store;
    this.#notices = notices;
    const open = find('#variations', HTMLButtonElement);
    open.addEventListener('click', () => {
      void image().then((blob) => {
        if (blob === undefined) notices.confirm('Draw something first.');
        else void this.#make(blob);
      });
    });
    find('#variations-close', HTMLButtonElement).addEventListener('click', () => {
      this.#close();
      open.focus();
    });
  }

  #close(): void {
    this.#running?.abort();
    this.#tray.hidden = true;
    this.#empty();
  }

  #empty(): void {
    for (const item of [...this.#list.children]) removeThumbnail(item);
  }

  async #make(image: Blob): Promise<void> {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    const settings = this.#store.current;
    const first = (settings.seed + 1) | 0;
    const configuration = { ...configurationOf(this.#catalogue, settings), seed: first, n: VARIATIONS };
    this.#empty();
    this.#list.append(...Array.from({ length: VARIATIONS }, () => make('li', { class: 'placeholder' })));
    this.#tray.hidden = false;
    this.#tray.scrollIntoView({ block: 'nearest' });
    try {
      const images = await translate(image, { ...configuration, format: 'png' }, running.signal);
      this.#empty();
      for (const { seed, blob } of images) {
        const { item, button } = thumbnail(blob, `Take this variation, seed ${seed}`);
        button.addEventListener('click', () => this.#store.change({ ...settings, seed }));
        this.#list.append(item);
      }
      this.#notices.announce(`${images.length} variations are ready.`);
    } catch (error) {
      if (running.signal.aborted) return;
      this.#close();
      this.#notices.problem(problemOf(error));
    }
  }
}

function thumbnail(picture: Blob, label: string): { item: HTMLElement; button: HTMLButtonElement } {
  const image = make('img', {
    src: URL.createObjectURL(picture),
    alt: '',
    decoding: 'async',
    draggable: 'false',
  });
  const button = make('button', { type: 'button', 'aria-label': label, title: label }, image);
  return { item: make('li', {}, button), button };
}

function removeThumbnail(item: Element | null): void {
  const image = item?.querySelector('img');
  if (image) URL.revokeObjectURL(image.src);
  item?.remove();
}
