/** Drawing without a pointer: arrow keys move a cursor over the sheet, Enter puts the pen down and lifts it. */
import { type Point, SIDE } from './document.js';

interface Strokes {
  start(point: Point): void;
  move(point: Point): void;
  end(): void;
}

const STEP = 8;
const FINE_STEP = 2;
const MOVES: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export class KeyboardPen {
  #x = SIDE / 2;
  #y = SIDE / 2;
  #down = false;
  readonly #cursor: HTMLElement;
  readonly #strokes: Strokes;

  /** `cursor` is a mark over the sheet that shows while the sheet has the keyboard's focus. */
  constructor(sheet: HTMLElement, cursor: HTMLElement, strokes: Strokes) {
    this.#cursor = cursor;
    this.#strokes = strokes;
    this.#place();
    sheet.addEventListener('keydown', (event) => this.#key(event));
    sheet.addEventListener('blur', () => this.lift());
  }

  /** Ends the stroke, if one is being drawn. */
  lift(): void {
    if (!this.#down) return;
    this.#down = false;
    this.#cursor.classList.remove('down');
    this.#strokes.end();
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      // Held down, it would put the pen down and lift it many times a second.
      if (event.repeat) return;
      if (this.#down) this.lift();
      else this.#lower();
    }
    if (event.key === 'Escape' && this.#down) {
      event.preventDefault();
      this.lift();
    }
    const move = MOVES[event.key];
    if (move === undefined) return;
    event.preventDefault();
    const step = event.shiftKey ? FINE_STEP : STEP;
    this.#x = Math.min(SIDE, Math.max(0, this.#x + move[0] * step));
    this.#y = Math.min(SIDE, Math.max(0, this.#y + move[1] * step));
    this.#place();
    if (this.#down) this.#strokes.move(this.#point());
  }

  #lower(): void {
    this.#down = true;
    this.#cursor.classList.add('down');
    this.#strokes.start(this.#point());
  }

  #point(): Point {
    return [this.#x, this.#y, 0.5];
  }

  #place(): void {
    this.#cursor.style.left = `${(this.#x / SIDE) * 100}%`;
    this.#cursor.style.top = `${(this.#y / SIDE) * 100}%`;
  }
}
