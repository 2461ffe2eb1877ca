/** The strip of the last results. */
import type { Operation } from '../drawing/document.js';
import { type Earlier, earlierOf, isSame, openEarlier } from '../session/earlier.js';
import type { Made } from '../session/live.js';
import { find } from '../ui/dom.js';
import type { Notices } from './notices.js';
import { removeThumbnail, thumbnail } from './thumbnail.js';

const KEPT = 24;

/** @param operations its drawing, where it was made since the page was opened */
type Restore = (earlier: Earlier, operations: readonly Operation[] | undefined) => void;

/** The last different results, newest first; choosing one brings back its drawing and settings. */
export class HistoryStrip {
  readonly #tray = find('#history-tray', HTMLElement);
  readonly #list = find('#history', HTMLElement);
  readonly #dialog = find('#history-dialog', HTMLDialogElement);
  readonly #notices: Notices;
  readonly #restore: Restore;
  readonly #shelf = openEarlier();
  /** In the order of the strip. */
  #kept: readonly Earlier[] = [];
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
    const shelf = await this.#shelf;
    for (const earlier of (await shelf?.all()) ?? []) this.#show(earlier, undefined);
  }

  async #add(made: Made): Promise<void> {
    const earlier = await earlierOf(made);
    const same = await Promise.all(this.#kept.map((other) => isSame(earlier, other)));
    if (same.includes(true)) return;
    this.#show(earlier, made.operations);
    await (await this.#shelf)?.add(earlier, KEPT);
  }

  async #clear(): Promise<void> {
    this.#kept = [];
    for (const item of [...this.#list.children]) removeThumbnail(item);
    this.#tray.hidden = true;
    // The button that had the focus is gone with the tray.
    find('#pad', HTMLElement).focus({ preventScroll: true });
    await (await this.#shelf)?.clear();
    this.#notices.confirm('Earlier pictures cleared.');
  }

  #show(earlier: Earlier, operations: readonly Operation[] | undefined): void {
    this.#kept = [earlier, ...this.#kept].slice(0, KEPT);
    this.#tray.hidden = false;
    const words = earlier.configuration.prompt ?? 'Picture';
    const { item, button } = thumbnail(earlier.picture, `Go back to: ${words}, seed ${earlier.seed}`);
    button.addEventListener('click', () => this.#restore(earlier, operations));
    this.#list.prepend(item);
    while (this.#list.children.length > KEPT) removeThumbnail(this.#list.lastElementChild);
  }
}
