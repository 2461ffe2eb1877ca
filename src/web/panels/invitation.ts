/** What an empty sheet and an empty picture say: how to begin, in the words that suit the model. */
import type { Paper } from '../drawing/document.js';
import type { ReadyModel } from '../session/catalogue.js';
import { find } from '../ui/dom.js';

/** CSS pixels: what moves no further is a click; no hand is quite still. */
const CLICK_REACH = 6;

export class Invitation {
  readonly #sheet = find('#sheet-stage', HTMLElement);
  readonly #box = find('#invitation', HTMLElement);
  readonly #title = find('#invitation-title', HTMLElement);
  readonly #how = find('#invitation-how', HTMLElement);
  readonly #example = find('#example', HTMLButtonElement);
  readonly #picture = find('#empty-text', HTMLElement);
  readonly #sheetTitle = find('#sheet-title', HTMLElement);

  /** @param draw a press on the button that was dragged away, and the move that told so: it means the sheet under it */
  constructor(startExample: () => void, draw: (press: PointerEvent, move: PointerEvent) => void) {
    this.#example.addEventListener('click', startExample);
    this.#handOverStrokes(draw);
  }

  show(shown: boolean): void {
    this.#box.hidden = !shown;
  }

  #handOverStrokes(draw: (press: PointerEvent, move: PointerEvent) => void): void {
    let press: PointerEvent | undefined;
    this.#example.addEventListener('pointerdown', (event) => {
      press = event;
      // Its first move may already be beside the button.
      this.#example.setPointerCapture(event.pointerId);
    });
    this.#example.addEventListener('pointermove', (move) => {
      if (press?.pointerId !== move.pointerId) return;
      const from = press;
      if (Math.hypot(move.clientX - from.clientX, move.clientY - from.clientY) < CLICK_REACH) return;
      press = undefined;
      draw(from, move);
    });
    for (const end of ['pointerup', 'pointercancel'] as const)
      this.#example.addEventListener(end, () => {
        press = undefined;
      });
  }

  suit(kind: ReadyModel['conditioning']['kind'], tone: Paper['tone']): void {
    const wantsPicture = kind === 'image';
    this.#sheet.dataset.tone = tone;
    this.#sheetTitle.textContent = wantsPicture ? 'Input' : 'Sketch';
    this.#title.textContent = wantsPicture ? 'Drop a picture' : 'Draw something';
    this.#how.textContent = wantsPicture
      ? 'here. Or paste one, upload one, take one with the camera, or'
      : 'with mouse, finger or pen. Or drop a picture, paste one, or';
    this.#picture.textContent = wantsPicture
      ? 'Its translation appears here.'
      : 'The picture appears here while you draw.';
  }
}
