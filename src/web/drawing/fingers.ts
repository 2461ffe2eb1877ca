/** The fingers on the sheet: one draws until a pen does, two mean to zoom or to scroll. */
import type { Point } from './document.js';

/** Drawing units: further than this the first of two fingers does not come before the second follows. */
const JUST_BEGUN = 16;

export class Fingers {
  /** Whether a single one draws. */
  draw = true;
  #penSeen = false;
  /** By pointer id. */
  readonly #down = new Set<number>();

  /** @returns whether it is not the only one */
  down(event: PointerEvent): boolean {
    // The first finger of all: no other one can be down, whatever became of its `pointerup`.
    if (event.isPrimary) this.#down.clear();
    this.#down.add(event.pointerId);
    return this.#down.size > 1;
  }

  /**
   * A pen draws: the hand that holds it lies on the sheet between its strokes, too, and would draw as a finger does. How wide
   * a touch is would not tell them apart: the side of a hand begins as a point, and some browsers give no width.
   * @returns whether it is the first time
   */
  penDown(): boolean {
    if (this.#penSeen) return false;
    this.#penSeen = true;
    this.draw = false;
    return true;
  }

  up(pointer: number): void {
    this.#down.delete(pointer);
  }

  has(pointer: number): boolean {
    return this.#down.has(pointer);
  }
}

/** Whether a stroke that a second finger interrupts was the beginning of a gesture, and no stroke at all. */
export function isJustBegun(points: readonly Point[]): boolean {
  let length = 0;
  points.forEach(([x, y], index) => {
    const [lastX, lastY] = points[index - 1] ?? [x, y];
    length += Math.hypot(x - lastX, y - lastY);
  });
  return length <= JUST_BEGUN;
}
