/** The strip of the last results. */
import type { Made } from '../session/live.js';
import { find } from '../ui/dom.js';
import { removeThumbnail, thumbnail } from './thumbnail.js';

const KEPT = 24;

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
