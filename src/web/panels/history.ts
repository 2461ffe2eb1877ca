/** The strip of the last results. */
import type { Operation } from '../drawing/document.js';
import { type Earlier, EarlierPictures } from '../session/earlier.js';
import type { Made } from '../session/live.js';
import { find } from '../ui/dom.js';
import type { Notices } from './notices.js';
import { removeThumbnail, thumbnail } from './thumbnail.js';

/** @param drawing what was on its sheet; undefined where that is not kept any more */
type Restore = (earlier: Earlier, drawing: Promise<readonly Operation[] | undefined>) => void;

/** The last different results, newest first; choosing one brings back its drawing and settings. */
export class HistoryStrip {
  readonly #tray = find('#history-tray', HTMLElement);
  readonly #list = find('#history', HTMLElement);
  readonly #dialog = find('#history-dialog', HTMLDialogElement);
  readonly #notices: Notices;
  readonly #restore: Restore;
  readonly #pictures = new EarlierPictures();
  /** One thing at a time: what is compared and written must be what is there. */
  #last: Promise<void>;

  constructor(notices: Notices, restore: Restore) {
    this.#notices = notices;
    this.#restore = restore;
    this.#last = this.#load().catch(() => {});
    find('#history-clear', HTMLButtonElement).addEventListener('click', () => this.#dialog.showModal());
    find('#history-keep', HTMLButtonElement).addEventListener('click', () => this.#dialog.close());
    find('#history-drop', HTMLButtonElement).addEventListener('click', () => {
      this.#dialog.close();
      this.#inTurn(() => this.#clear());
    });
  }

  /** What is there already stays where it is: undo, redo and going back make nothing new. */
  add(made: Made): void {
    this.#inTurn(() => this.#add(made));
  }

  /** What cannot be kept lasts as long as the page. */
  #inTurn(action: () => Promise<void>): void {
    this.#last = this.#last.then(action).catch(() => {});
  }

  async #load(): Promise<void> {
    for (const earlier of await this.#pictures.load()) this.#show(earlier);
  }

  async #add(made: Made): Promise<void> {
    const earlier = await this.#pictures.add(made);
    if (earlier !== undefined) this.#show(earlier);
  }

  async #clear(): Promise<void> {
    for (const item of [...this.#list.children]) removeThumbnail(item);
    this.#tray.hidden = true;
    // The button that had the focus is gone with the tray.
    find('#pad', HTMLElement).focus({ preventScroll: true });
    await this.#pictures.clear();
    this.#notices.confirm('Earlier pictures cleared.');
  }

  #show(earlier: Earlier): void {
    this.#tray.hidden = false;
    const words = earlier.configuration.prompt ?? 'Picture';
    const { item, button } = thumbnail(earlier.picture, `Go back to: ${words}, seed ${earlier.seed}`);
    button.addEventListener('click', () => this.#restore(earlier, this.#pictures.drawingOf(earlier)));
    this.#list.prepend(item);
    while (this.#list.children.length > EarlierPictures.most) removeThumbnail(this.#list.lastElementChild);
  }
}
