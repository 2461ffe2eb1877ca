/** Paints operations onto a canvas. Ink lies on a transparent layer over the paper, so that the eraser can take it away. */
import { getStroke } from 'perfect-freehand';
import { type Paper, type Picture, SIDE, type Stroke, type Visible } from './document.js';

export const PAPER_COLOUR: Record<Paper['tone'], string> = { light: '#ffffff', dark: '#000000' };
export const INK_COLOUR: Record<Paper['tone'], string> = { light: '#000000', dark: '#ffffff' };

/** Paints over what the ink layer, of any size, holds already. */
export function paintOver(
  context: CanvasRenderingContext2D,
  visible: readonly Visible[],
  tone: Paper['tone'],
): void {
  inDrawingUnits(context, () => {
    for (const operation of visible) {
      if (operation.kind === 'stroke') fillStroke(context, operation, tone);
      else if (operation.kind === 'picture') drawPicture(context, operation);
    }
  });
}

/** Paints one stroke over what the ink layer holds already. */
export function paintStroke(context: CanvasRenderingContext2D, stroke: Stroke, tone: Paper['tone']): void {
  inDrawingUnits(context, () => fillStroke(context, stroke, tone));
}

/** Paper, then the ink layer over it. */
export function paintSheet(
  context: CanvasRenderingContext2D,
  ink: HTMLCanvasElement,
  tone: Paper['tone'],
): void {
  const { width, height } = context.canvas;
  context.fillStyle = PAPER_COLOUR[tone];
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(ink, 0, 0, width, height);
}

export function canvasOf(width: number, height = width): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** @throws Error where the browser gives no 2D context any more (too many canvases) */
export function contextOf(
  canvas: HTMLCanvasElement,
  options?: CanvasRenderingContext2DSettings,
): CanvasRenderingContext2D {
  const context = canvas.getContext('2d', options);
  if (context === null) throw new Error('This browser gives no 2D canvas');
  return context;
}

function inDrawingUnits(context: CanvasRenderingContext2D, paint: () => void): void {
  context.save();
  context.scale(context.canvas.width / SIDE, context.canvas.height / SIDE);
  paint();
  context.restore();
}

function fillStroke(context: CanvasRenderingContext2D, stroke: Stroke, tone: Paper['tone']): void {
  const outline = getStroke(stroke.points as [number, number, number][], {
    size: stroke.width,
    // Models learnt from lines of even width: only a pen that feels pressure may vary its line much.
    thinning: stroke.pressure ? 0.5 : 0,
    smoothing: 0.5,
    streamline: 0.35,
    simulatePressure: false,
  });
  context.globalCompositeOperation = stroke.tool === 'eraser' ? 'destination-out' : 'source-over';
  context.fillStyle = INK_COLOUR[tone];
  context.fill(pathOf(outline));
  context.globalCompositeOperation = 'source-over';
}

/** The outline as a closed curve through the middles of its sides. */
function pathOf(outline: readonly number[][]): Path2D {
  const path = new Path2D();
  const middles = outline.map((point, index) => {
    const next = outline[(index + 1) % outline.length] ?? point;
    return [((point[0] ?? 0) + (next[0] ?? 0)) / 2, ((point[1] ?? 0) + (next[1] ?? 0)) / 2] as const;
  });
  const last = middles.at(-1);
  if (last === undefined) return path;
  path.moveTo(...last);
  outline.forEach((point, index) => {
    const middle = middles[index] ?? last;
    path.quadraticCurveTo(point[0] ?? 0, point[1] ?? 0, ...middle);
  });
  path.closePath();
  return path;
}

function drawPicture(context: CanvasRenderingContext2D, { bitmap, fit }: Picture): void {
  const ratios = [SIDE / bitmap.width, SIDE / bitmap.height];
  const scale = fit === 'cover' ? Math.max(...ratios) : Math.min(...ratios);
  const width = bitmap.width * scale;
  const height = bitmap.height * scale;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
}
