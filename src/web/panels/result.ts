/** The picture: painted without a flicker, with a slider over it that shows the input again. */

import { contextOf } from '../drawing/paint.js';
import type { Made } from '../session/live.js';
import { find } from '../ui/dom.js';

/** A picture that takes longer than this gets a sign that something is going on. */
const PATIENCE_MS = 350;

export class ResultView {
  readonly #stage = find('#picture-stage', HTMLElement);
  readonly #canvas = find('#result', HTMLCanvasElement);
  readonly #input = find('#result-input', HTMLCanvasElement);
  readonly #split = find('#split', HTMLElement);
  readonly #range = find('#split-range', HTMLInputElement);
  readonly #compare = find('#compare', HTMLButtonElement);
  readonly #progress = find('#progress', HTMLElement);
  readonly #badge = find('#badge', HTMLElement);
  #shown: Made | undefined;
  /** Pictures that came, and the last of them that was painted. */
  #latest = 0;
  #painted = 0;
  #comparing = false;
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#compare.addEventListener('click', () => this.#setComparing(!this.#comparing));
    this.#range.addEventListener('input', () => this.#moveSplit());
    this.#moveSplit();
  }

  get shown(): Made | undefined {
    return this.#shown;
  }

  /** Decodes and paints; a newer picture that is decoded sooner is not painted over. */
  async show(made: Made): Promise<void> {
    this.#latest += 1;
    const turn = this.#latest;
    // The next one has its own time.
    this.#endPatience();
    this.setBusy(this.#canvas.getAttribute('aria-busy') === 'true');
    const [picture, input] = await Promise.all([
      createImageBitmap(made.picture),
      this.#comparing ? createImageBitmap(made.input) : undefined,
    ]);
    if (turn > this.#painted) {
      this.#painted = turn;
      this.#shown = made;
      paint(this.#canvas, picture);
      if (input !== undefined) paint(this.#input, input);
      this.#canvas.setAttribute('aria-label', labelOf(made));
      this.#stage.dataset.state = 'shown';
    }
    picture.close();
    input?.close();
  }

  clear(): void {
    this.#painted = this.#latest;
    this.#shown = undefined;
    this.#canvas.setAttribute('aria-label', 'No picture yet');
    this.#stage.dataset.state = 'empty';
  }

  /** Whether a newer picture than the one on show is being made. */
  setBusy(busy: boolean): void {
    // Not on the stage: problems are told within it, and of what is busy nothing is read out.
    this.#canvas.setAttribute('aria-busy', String(busy));
    if (!busy) {
      this.#endPatience();
    } else if (this.#patience === undefined) {
      this.#patience = setTimeout(() => {
        this.#progress.hidden = false;
      }, PATIENCE_MS);
    }
  }

  #endPatience(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#progress.hidden = true;
  }

  setBadge(text: string | undefined): void {
    this.#badge.hidden = text === undefined;
    this.#badge.textContent = text ?? '';
  }

  /** Compare makes sense where the picture is another view of the input, not of a few strokes. */
  offerCompare(offered: boolean): void {
    this.#compare.hidden = !offered;
    if (!offered) this.#setComparing(false);
  }

  #setComparing(comparing: boolean): void {
    this.#comparing = comparing;
    this.#compare.setAttribute('aria-pressed', String(comparing));
    this.#split.hidden = !comparing;
    this.#input.hidden = !comparing;
    if (comparing && this.#shown !== undefined) void this.#showInput(this.#shown);
  }

  async #showInput(made: Made): Promise<void> {
    const input = await createImageBitmap(made.input);
    if (made === this.#shown) paint(this.#input, input);
    input.close();
  }

  #moveSplit(): void {
    this.#stage.style.setProperty('--split', `${this.#range.value}%`);
    this.#range.setAttribute('aria-valuetext', `${this.#range.value} % input`);
  }
}

function paint(canvas: HTMLCanvasElement, bitmap: ImageBitmap): void {
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  contextOf(canvas).drawImage(bitmap, 0, 0);
}

function labelOf({ configuration, seed }: Made): string {
  const words = configuration.prompt ? `“${configuration.prompt}”` : 'Picture';
  const style = configuration.style ? `, style ${configuration.style}` : '';
  return `${words}${style}, seed ${seed}`;
}
