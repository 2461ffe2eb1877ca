/** The sheet on screen: pointer and keyboard become strokes, and every change of the picture is told. */
import { type Drawing, type Operation, type Point, SIDE, type Stroke } from './document.js';
import { KeyboardPen } from './keyboard-pen.js';
import { canvasOf, contextOf, paintInk, paintSheet, paintStroke } from './paint.js';

export interface Brush {
  tool: 'pen' | 'eraser';
  /** Drawing units. */
  width: number;
}

/** Pixels of the canvas on screen: twice the drawing's units, sharp on dense displays. */
const SCREEN_SIDE = SIDE * 2;
/** An eraser as thin as the pen is no use. */
const ERASER_FACTOR = 3;
/** In place of a pointer's id: the keyboard's pen, and strokes that are played. */
const KEYBOARD = -1;
const PLAYED = -2;
/** Of a played stroke, five units apart: about a second for a sketch. */
const POINTS_PER_FRAME = 6;

export class Pad {
  readonly brush: Brush = { tool: 'pen', width: 6 };
  /** The picture looks different now: a stroke grew, or the drawing changed. */
  onPaint: () => void = () => {};
  /** A pointer came down. */
  onStrokeStart: () => void = () => {};

  readonly #canvas: HTMLCanvasElement;
  readonly #drawing: Drawing;
  readonly #screen: CanvasRenderingContext2D;
  /** Finished operations. */
  readonly #ink = contextOf(canvasOf(SCREEN_SIDE));
  /** The same with the stroke that is being drawn. */
  readonly #wet = contextOf(canvasOf(SCREEN_SIDE));
  readonly #export = contextOf(canvasOf(SIDE), { willReadFrequently: true });
  readonly #keyboard: KeyboardPen;
  #stroke: { pointer: number; pressure: boolean; points: Point[] } | undefined;
  /** Fingers on the sheet, by pointer id. */
  readonly #touches = new Set<number>();
  /** Finishes at once what is being played. */
  #endPlay: (() => void) | undefined;
  #painted: readonly Operation[] = [];
  #frameRequested = false;

  constructor(canvas: HTMLCanvasElement, cursor: HTMLElement, drawing: Drawing) {
    this.#canvas = canvas;
    this.#drawing = drawing;
    canvas.width = SCREEN_SIDE;
    canvas.height = SCREEN_SIDE;
    this.#screen = contextOf(canvas);
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('pointerup', (event) => this.#up(event));
    canvas.addEventListener('pointercancel', (event) => this.#up(event));
    canvas.addEventListener('contextmenu', (event) => event.preventDefault());
    this.#keyboard = new KeyboardPen(canvas, cursor, {
      start: (point) => this.#begin(KEYBOARD, false, point),
      move: (point) => this.#extend([point]),
      end: () => this.#finish(),
    });
    drawing.onChange(() => this.#repaint());
    this.#repaint();
  }

  get drawingNow(): boolean {
    return this.#stroke !== undefined;
  }

  /** What the screen shows, the unfinished stroke included, as operations. */
  get operations(): readonly Operation[] {
    const stroke = this.#currentStroke();
    return stroke === undefined ? this.#drawing.operations : [...this.#drawing.operations, stroke];
  }

  /** The picture as it is this moment: PNG of a drawing, JPEG where there is a photograph in it. 512×512. */
  encode(): Promise<Blob> {
    this.#paintNow();
    this.#export.imageSmoothingQuality = 'high';
    this.#export.drawImage(this.#canvas, 0, 0, SIDE, SIDE);
    return encodeCanvas(this.#export.canvas, this.#drawing.hasPicture);
  }

  focus(): void {
    this.#canvas.focus({ preventScroll: true });
  }

  /** Draws strokes as if by hand, or all at once; whoever draws or undoes meanwhile finds them finished. */
  play(strokes: readonly Stroke[], atOnce: boolean): void {
    this.finishStroke();
    const left = strokes.map((stroke) => [...stroke.points]);
    const end = () => {
      this.#endPlay = undefined;
      for (const points of left.splice(0)) {
        if (this.#stroke === undefined) this.#begin(PLAYED, false, points.shift() ?? [0, 0, 0.5]);
        this.#extend(points);
        this.#finish();
      }
    };
    const step = () => {
      if (this.#endPlay !== end) return;
      const points = left[0];
      if (points === undefined) {
        this.#endPlay = undefined;
        return;
      }
      if (this.#stroke === undefined) this.#begin(PLAYED, false, points.shift() ?? [0, 0, 0.5]);
      this.#extend(points.splice(0, POINTS_PER_FRAME));
      if (points.length === 0) {
        left.shift();
        this.#finish();
      }
      requestAnimationFrame(step);
    };
    this.#endPlay = end;
    if (atOnce) end();
    else requestAnimationFrame(step);
  }

  /** Ends a stroke in the middle, keeping what there is of it. */
  finishStroke(): void {
    this.#endPlay?.();
    this.#keyboard.lift();
    this.#finish();
  }

  #down(event: PointerEvent): void {
    if (event.button > 0 && event.pointerType === 'mouse') return;
    if (event.pointerType === 'touch' && this.#severalTouches(event)) {
      this.#dropTouchStroke();
      return;
    }
    this.#endPlay?.();
    if (this.#stroke !== undefined) return;
    event.preventDefault();
    this.#canvas.focus({ preventScroll: true, focusVisible: false } as FocusOptions);
    this.#canvas.setPointerCapture(event.pointerId);
    this.#begin(event.pointerId, event.pointerType === 'pen' && event.pressure > 0, this.#pointOf(event));
  }

  #move(event: PointerEvent): void {
    if (event.pointerId !== this.#stroke?.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    this.#extend((events.length > 0 ? events : [event]).map((each) => this.#pointOf(each)));
  }

  #up(event: PointerEvent): void {
    this.#touches.delete(event.pointerId);
    if (event.pointerId === this.#stroke?.pointer) this.#finish();
  }

  #severalTouches(event: PointerEvent): boolean {
    // The first finger of all: no other one can be down, whatever became of its `pointerup`.
    if (event.isPrimary) this.#touches.clear();
    this.#touches.add(event.pointerId);
    return this.#touches.size > 1;
  }

  /** Two fingers mean to zoom or to scroll, not to draw; a palm beside a pen means nothing. */
  #dropTouchStroke(): void {
    if (this.#stroke === undefined || !this.#touches.has(this.#stroke.pointer)) return;
    this.#stroke = undefined;
    this.#requestPaint();
  }

  #begin(pointer: number, pressure: boolean, point: Point): void {
    this.#stroke = { pointer, pressure, points: [point] };
    this.onStrokeStart();
    this.#requestPaint();
  }

  #extend(points: readonly Point[]): void {
    this.#stroke?.points.push(...points);
    this.#requestPaint();
  }

  #finish(): void {
    const stroke = this.#currentStroke();
    this.#stroke = undefined;
    if (stroke !== undefined) this.#drawing.add(stroke);
  }

  #currentStroke(): Stroke | undefined {
    if (this.#stroke === undefined) return undefined;
    const { tool, width } = this.brush;
    return {
      kind: 'stroke',
      tool,
      width: tool === 'eraser' ? width * ERASER_FACTOR : width,
      pressure: this.#stroke.pressure,
      points: [...this.#stroke.points],
    };
  }

  #pointOf(event: PointerEvent): Point {
    const box = this.#canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * SIDE;
    const y = ((event.clientY - box.top) / box.height) * SIDE;
    return [rounded(x), rounded(y), event.pointerType === 'pen' ? rounded(event.pressure) : 0.5];
  }

  /** After a change of the drawing: one stroke more is painted over, anything else from the start. */
  #repaint(): void {
    const operations = this.#drawing.operations;
    const last = operations.at(-1);
    const oneMore =
      operations.length === this.#painted.length + 1 && operations.at(-2) === this.#painted.at(-1);
    if (oneMore && last?.kind === 'stroke') paintStroke(this.#ink, last, this.#drawing.tone);
    else paintInk(this.#ink, operations);
    this.#painted = operations;
    this.#requestPaint();
  }

  #requestPaint(): void {
    if (this.#frameRequested) return;
    this.#frameRequested = true;
    requestAnimationFrame(() => {
      if (!this.#frameRequested) return;
      this.#paintNow();
      this.onPaint();
    });
  }

  #paintNow(): void {
    this.#frameRequested = false;
    const stroke = this.#currentStroke();
    if (stroke === undefined) {
      paintSheet(this.#screen, this.#ink.canvas, this.#drawing.tone);
      return;
    }
    this.#wet.clearRect(0, 0, SCREEN_SIDE, SCREEN_SIDE);
    this.#wet.drawImage(this.#ink.canvas, 0, 0);
    paintStroke(this.#wet, stroke, this.#drawing.tone);
    paintSheet(this.#screen, this.#wet.canvas, this.#drawing.tone);
  }
}

/** Hundredths are finer than any screen, and a third of the text when the drawing is kept. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** @throws Error where the canvas cannot be encoded (it never is tainted here, so: out of memory) */
export function encodeCanvas(canvas: HTMLCanvasElement, photograph: boolean): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob === null ? reject(new Error('The drawing could not be encoded')) : resolve(blob)),
      photograph ? 'image/jpeg' : 'image/png',
      0.92,
    );
  });
}
