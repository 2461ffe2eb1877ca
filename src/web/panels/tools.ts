/** The brush and the history of the sheet: pen, eraser, width, light strokes, undo, redo, clear; and fingers beside a pen. */
import type { Drawing } from '../drawing/document.js';
import type { Pad } from '../drawing/pad.js';
import { find } from '../ui/dom.js';

/** A step of `[` and `]`. */
const WIDTH_STEP = 2;

export class Tools {
  readonly #pad: Pad;
  readonly #drawing: Drawing;
  readonly #pen = find('#pen', HTMLButtonElement);
  readonly #eraser = find('#eraser', HTMLButtonElement);
  readonly #width = find('#width', HTMLInputElement);
  readonly #dot = find('#width-dot', HTMLElement);
  readonly #invert = find('#invert', HTMLButtonElement);
  readonly #undo = find('#undo', HTMLButtonElement);
  readonly #redo = find('#redo', HTMLButtonElement);
  readonly #clear = find('#clear', HTMLButtonElement);
  readonly #fingers = find('#fingers', HTMLButtonElement);

  constructor(pad: Pad, drawing: Drawing) {
    this.#pad = pad;
    this.#drawing = drawing;
    this.#pen.addEventListener('click', () => this.use('pen'));
    this.#eraser.addEventListener('click', () => this.use('eraser'));
    this.#width.addEventListener('input', () => this.#setWidth(this.#width.valueAsNumber));
    this.#invert.addEventListener('click', () => this.invert());
    this.#undo.addEventListener('click', () => this.undo());
    this.#redo.addEventListener('click', () => this.redo());
    this.#clear.addEventListener('click', () => this.clear());
    this.#fingers.addEventListener('click', () => {
      pad.fingersDraw = !pad.fingersDraw;
      this.#show();
    });
    pad.onFirstPen = () => {
      this.#fingers.hidden = false;
    };
    drawing.onChange(() => this.#show());
    this.#setWidth(pad.brush.width);
    this.#show();
  }

  use(tool: 'pen' | 'eraser'): void {
    this.#pad.brush.tool = tool;
    this.#show();
  }

  widen(direction: 1 | -1): void {
    this.#setWidth(this.#pad.brush.width + direction * WIDTH_STEP);
  }

  invert(): void {
    this.#pad.finishStroke();
    this.#drawing.add({ kind: 'paper', tone: this.#drawing.tone === 'light' ? 'dark' : 'light' });
  }

  undo(): void {
    this.#pad.finishStroke();
    this.#drawing.undo();
  }

  redo(): void {
    this.#pad.finishStroke();
    this.#drawing.redo();
  }

  clear(): void {
    this.#pad.finishStroke();
    this.#drawing.clear();
  }

  #setWidth(width: number): void {
    const { min, max } = this.#width;
    this.#pad.brush.width = Math.min(Number(max), Math.max(Number(min), width));
    this.#width.valueAsNumber = this.#pad.brush.width;
    this.#dot.style.setProperty('--width', `${this.#pad.brush.width}`);
  }

  #show(): void {
    this.#pen.setAttribute('aria-pressed', String(this.#pad.brush.tool === 'pen'));
    this.#eraser.setAttribute('aria-pressed', String(this.#pad.brush.tool === 'eraser'));
    this.#invert.setAttribute('aria-pressed', String(this.#drawing.tone === 'dark'));
    this.#fingers.setAttribute('aria-pressed', String(this.#pad.fingersDraw));
    setDisabled(this.#undo, !this.#drawing.canUndo);
    setDisabled(this.#redo, !this.#drawing.canRedo);
    setDisabled(this.#clear, this.#drawing.empty);
  }
}

/** Not the `disabled` attribute: that would take the focus away from whoever undoes with the keyboard. */
function setDisabled(button: HTMLButtonElement, disabled: boolean): void {
  button.setAttribute('aria-disabled', String(disabled));
}
