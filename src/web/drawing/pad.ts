/** The sheet on screen: pointer and keyboard become strokes, and every change of the picture is told. */
import { type Drawing, isEmpty, type Operation, type Point, SIDE, type Stroke } from './document.js';
import { Fingers, isJustBegun } from './fingers.js';
import { Ink } from './ink.js';
import { KeyboardPen } from './keyboard-pen.js';
import { canvasOf, contextOf, paintSheet, paintStroke } from './paint.js';
import { encodeCanvas } from './picture-data.js';
import { Playback } from './playback.js';

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
/** `button` of the other end of a pen. */
const ERASER_END = 5;

export class Pad {
  readonly brush: Brush = { tool: 'pen', width: 6 };
  /** The picture looks different now: a stroke grew, or the drawing changed. */
  onPaint: () => void = () => {};
  /** A pointer came down. */
  onStrokeStart: () => void = () => {};
  /** A pen draws for the first time: from now on fingers do not, unless they are told to. */
  onFirstPen: () => void = () => {};

  readonly #canvas: HTMLCanvasElement;
  readonly #drawing: Drawing;
  readonly #screen: CanvasRenderingContext2D;
  /** Finished operations. */
  readonly #ink = new Ink(SCREEN_SIDE);
  /** The same with the stroke that is being drawn. */
  readonly #wet = contextOf(canvasOf(SCREEN_SIDE));
  readonly #export = contextOf(canvasOf(SIDE), { willReadFrequently: true });
  readonly #keyboard: KeyboardPen;
  readonly #fingers = new Fingers();
  readonly #playback = new Playback({
    begin: (stroke, point) => this.#begin(PLAYED, stroke, point),
    extend: (points) => this.#extend(PLAYED, points),
    end: () => this.#finish(PLAYED),
  });
  /** What is being drawn, and by whom. It keeps the tool it began with, whatever is chosen meanwhile. */
  #stroke: (Stroke & { pointer: number; points: Point[] }) | undefined;
  /** A change of which no frame tells yet. */
  #untold = false;

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
      start: (point) => {
        this.#playback.finish();
        this.#finish();
        this.#begin(KEYBOARD, this.#inHand(), point);
      },
      move: (point) => this.#extend(KEYBOARD, [point]),
      end: () => this.#finish(KEYBOARD),
    });
    drawing.onChange(() => this.#repaint());
    this.#repaint();
  }

  get fingersDraw(): boolean {
    return this.#fingers.draw;
  }

  set fingersDraw(draw: boolean) {
    this.#fingers.draw = draw;
  }

  get drawingNow(): boolean {
    return this.#stroke !== undefined;
  }

  /** What the screen shows, the unfinished stroke included, as operations. */
  get operations(): readonly Operation[] {
    const stroke = this.#currentStroke();
    return stroke === undefined ? this.#drawing.operations : [...this.#drawing.operations, stroke];
  }

  /** The same as `encode`, as a frame: `onPaint` does not tell any more of what changed before it. */
  encodeFrame(): Promise<Blob> {
    this.#untold = false;
    return this.encode();
  }

  /** The picture as it is this moment: PNG of a drawing, JPEG where there is a photograph in it. 512×512. */
  encode(): Promise<Blob> {
    this.#paintNow();
    this.#export.imageSmoothingQuality = 'high';
    this.#export.drawImage(this.#canvas, 0, 0, SIDE, SIDE);
    return encodeCanvas(this.#export.canvas, this.#drawing.hasPicture ? 'image/jpeg' : 'image/png');
  }

  /** Draws on with a pointer that came down on something over the sheet. */
  takeOver(press: PointerEvent, move: PointerEvent): void {
    this.#down(press);
    this.#move(move);
  }

  focus(): void {
    this.#canvas.focus({ preventScroll: true });
  }

  /** Draws strokes as if by hand, or all at once; whoever draws or undoes meanwhile finds them finished. */
  play(strokes: readonly Stroke[], atOnce: boolean): void {
    this.finishStroke();
    this.#playback.start(strokes);
    if (atOnce) this.#playback.finish();
  }

  /** Ends a stroke in the middle, keeping what there is of it. */
  finishStroke(): void {
    this.#playback.finish();
    this.#keyboard.lift();
    this.#finish();
  }

  #down(event: PointerEvent): void {
    if (event.button > 0 && event.button !== ERASER_END) return;
    // A hand that lies down before its pen does is no finger.
    if (event.pointerType === 'pen') {
      this.#endTouchStroke(false);
      if (this.#fingers.penDown()) this.onFirstPen();
    }
    if (event.pointerType === 'touch') {
      const isOneMore = this.#fingers.down(event);
      if (isOneMore) this.#endTouchStroke(true);
      if (isOneMore || !this.#fingers.draw) return;
    }
    this.#playback.finish();
    this.#keyboard.lift();
    if (this.#stroke !== undefined) return;
    event.preventDefault();
    this.#canvas.focus({ preventScroll: true, focusVisible: false } as FocusOptions);
    this.#canvas.setPointerCapture(event.pointerId);
    const tool = event.button === ERASER_END ? 'eraser' : this.brush.tool;
    const pressure = event.pointerType === 'pen' && event.pressure > 0;
    this.#begin(event.pointerId, { ...this.#inHand(tool), pressure }, this.#pointOf(event));
  }

  #move(event: PointerEvent): void {
    if (event.pointerId !== this.#stroke?.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    this.#extend(
      event.pointerId,
      (events.length > 0 ? events : [event]).map((each) => this.#pointOf(each)),
    );
  }

  #up(event: PointerEvent): void {
    this.#fingers.up(event.pointerId);
    this.#finish(event.pointerId);
  }

  /** @param keepLonger what is more than the beginning of a gesture; never what a palm has drawn */
  #endTouchStroke(keepLonger: boolean): void {
    if (this.#stroke === undefined || !this.#fingers.has(this.#stroke.pointer)) return;
    if (keepLonger && !isJustBegun(this.#stroke.points)) {
      this.#finish();
      return;
    }
    this.#stroke = undefined;
    this.#requestPaint();
  }

  #inHand(tool = this.brush.tool): Omit<Stroke, 'points'> {
    const width = this.brush.width * (tool === 'eraser' ? ERASER_FACTOR : 1);
    return { kind: 'stroke', tool, width, pressure: false };
  }

  #begin(pointer: number, { tool, width, pressure }: Omit<Stroke, 'points'>, point: Point): void {
    this.#stroke = { kind: 'stroke', tool, width, pressure, pointer, points: [point] };
    this.onStrokeStart();
    this.#requestPaint();
  }

  #extend(pointer: number, points: readonly Point[]): void {
    if (this.#stroke?.pointer === pointer) this.#stroke.points.push(...points);
    this.#requestPaint();
  }

  /** @param pointer whose stroke ends; anybody's where there is none */
  #finish(pointer?: number): void {
    if (pointer !== undefined && pointer !== this.#stroke?.pointer) return;
    const stroke = this.#currentStroke();
    this.#stroke = undefined;
    if (stroke !== undefined) this.#drawing.add(stroke);
  }

  #currentStroke(): Stroke | undefined {
    if (this.#stroke === undefined) return undefined;
    const { pointer: _, ...stroke } = this.#stroke;
    return { ...stroke, points: [...stroke.points] };
  }

  #pointOf(event: PointerEvent): Point {
    const box = this.#canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * SIDE;
    const y = ((event.clientY - box.top) / box.height) * SIDE;
    return [rounded(x), rounded(y), event.pointerType === 'pen' ? rounded(event.pressure) : 0.5];
  }

  #repaint(): void {
    this.#ink.show(this.#drawing.operations);
    this.#requestPaint();
  }

  #requestPaint(): void {
    if (this.#untold) return;
    this.#untold = true;
    requestAnimationFrame(() => {
      // Encoded meanwhile for a frame that is on its way; but that there is nothing any more has still to be told.
      if (!this.#untold && !isEmpty(this.operations)) return;
      this.#untold = false;
      this.#paintNow();
      this.onPaint();
    });
  }

  #paintNow(): void {
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
