/** What an empty sheet and an empty picture say: how to begin, in the words that suit the model. */
import type { Paper } from '../drawing/document.js';
import type { ReadyModel } from '../session/catalogue.js';
import { find } from '../ui/dom.js';

export class Invitation {
  readonly #sheet = find('#sheet-stage', HTMLElement);
  readonly #box = find('#invitation', HTMLElement);
  readonly #title = find('#invitation-title', HTMLElement);
  readonly #how = find('#invitation-how', HTMLElement);
  readonly #example = find('#example', HTMLButtonElement);
  readonly #picture = find('#empty-text', HTMLElement);
  readonly #sheetTitle = find('#sheet-title', HTMLElement);

  constructor(startExample: () => void) {
    this.#example.addEventListener('click', startExample);
  }

  show(shown: boolean): void {
    this.#box.hidden = !shown;
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
