/** The strip of the last results. */
import type { Made } from '../session/live.js';
import { find } from '../ui/dom.js';
import { removeThumbnail, thumbnail } from './thumbnail.js';

const KEPT = 24;

/** The last different results, newest first; choosing one brings back its drawing and settings. */
export class HistoryStrip {
  readonly #tray = find('#history-tray', HTMLElement);
  readonly #list = find('#history', HTMLElement);
  readonly #restore: (made: Made) => void;
  /** In the order of the strip. */
  #kept: readonly Made[] = [];

  constructor(restore: (made: Made) => void) {
    this.#restore = restore;
  }

  /** What is there already stays where it is: undo, redo and going back make nothing new. */
  async add(made: Made): Promise<void> {
    const equal = await Promise.all(this.#kept.map((other) => sameResult(made, other)));
    if (equal.includes(true)) return;
    this.#kept = [made, ...this.#kept].slice(0, KEPT);
    this.#tray.hidden = false;
    const words = made.configuration.prompt ?? 'Picture';
    const { item, button } = thumbnail(made.picture, `Go back to: ${words}, seed ${made.seed}`);
    button.addEventListener('click', () => this.#restore(made));
    this.#list.prepend(item);
    while (this.#list.children.length > KEPT) removeThumbnail(this.#list.lastElementChild);
  }
}

/** Whether they were made of the same sheet in the same way. */
async function sameResult(one: Made, other: Made): Promise<boolean> {
  if (one === other) return true;
  if (JSON.stringify(one.configuration) !== JSON.stringify(other.configuration)) return false;
  if (one.input.size !== other.input.size) return false;
  const [bytes, others] = await Promise.all(
    [one, other].map(async ({ input }) => new Uint8Array(await input.arrayBuffer())),
  );
  return bytes?.every((byte, index) => byte === others?.[index]) ?? false;
}
