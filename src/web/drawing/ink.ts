/** The ink layer, painted with as little as a change of the drawing needs: an hour's strokes take a third of a second. */
import { flatten, isBase, type Operation, type Paper, toneOf, type Visible } from './document.js';
import { canvasOf, contextOf, paintOver } from './paint.js';

interface Layer {
  readonly context: CanvasRenderingContext2D;
  shown: readonly Visible[];
  tone: Paper['tone'];
}

export class Ink {
  readonly #top: Layer;
  /** What cannot be undone any more, for undo and redo to start from; there once there is such. */
  #base: Layer | undefined;

  /** @param side of the square layer, pixels */
  constructor(side: number) {
    this.#top = layerOf(side);
  }

  get canvas(): HTMLCanvasElement {
    return this.#top.context.canvas;
  }

  show(operations: readonly Operation[]): void {
    const tone = toneOf(operations);
    const visible = flatten(operations);
    const [first] = operations;
    const base = isBase(first) ? flatten([first]) : [];
    // Not where the sheet was started over since.
    const onBase = base.length > 0 && startsWith(visible, base);
    if (onBase) {
      this.#base ??= layerOf(this.canvas.width);
      paint(this.#base, base, tone);
    }
    paint(this.#top, visible, tone, onBase ? this.#base : undefined);
  }
}

function layerOf(side: number): Layer {
  return { context: contextOf(canvasOf(side)), shown: [], tone: 'light' };
}

/** Paints over what is there where that is how the list begins, else from the start, or from `under`. */
function paint(layer: Layer, wanted: readonly Visible[], tone: Paper['tone'], under?: Layer): void {
  const { context, shown } = layer;
  const goesOn = layer.tone === tone && startsWith(wanted, shown);
  if (!goesOn) {
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    if (under !== undefined) context.drawImage(under.context.canvas, 0, 0);
  }
  const done = goesOn ? shown : (under?.shown ?? []);
  paintOver(context, wanted.slice(done.length), tone);
  layer.shown = wanted;
  layer.tone = tone;
}

function startsWith(list: readonly Visible[], beginning: readonly Visible[]): boolean {
  return list.length >= beginning.length && beginning.every((each, index) => each === list[index]);
}
