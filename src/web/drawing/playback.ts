/** Draws strokes as if by hand: a few points with every frame of the screen. */
import type { Point, Stroke } from './document.js';

/** Of points five units apart: about a second for a sketch. */
const POINTS_PER_FRAME = 6;

interface Hand {
  begin(stroke: Stroke, point: Point): void;
  extend(points: readonly Point[]): void;
  end(): void;
}

export class Playback {
  readonly #hand: Hand;
  /** What is still to be drawn; the first of them may be begun. */
  #left: { stroke: Stroke; points: Point[] }[] = [];

  constructor(hand: Hand) {
    this.#hand = hand;
  }

  start(strokes: readonly Stroke[]): void {
    this.finish();
    const left = strokes.map((stroke) => ({ stroke, points: [...stroke.points] }));
    this.#left = left;
    const step = () => {
      // Finished, or others are played by now.
      if (this.#left !== left || left.length === 0) return;
      this.#draw(POINTS_PER_FRAME);
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  /** Draws at once what is left. */
  finish(): void {
    while (this.#left.length > 0) this.#draw(Number.POSITIVE_INFINITY);
  }

  #draw(count: number): void {
    const [next] = this.#left;
    if (next === undefined) return;
    const { stroke, points } = next;
    const begun = points.length < stroke.points.length;
    const some = points.splice(0, count);
    const first = begun ? undefined : some.shift();
    if (first !== undefined) this.#hand.begin(stroke, first);
    this.#hand.extend(some);
    if (points.length > 0) return;
    this.#left.shift();
    this.#hand.end();
  }
}
