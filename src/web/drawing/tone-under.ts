/** Which paper a placed picture wants: lines on transparency, light or dark, would vanish on paper of their own colour. */
import { isLight, isLightOnDark } from '../../images/sketch.js';
import type { ReadyModel } from '../session/catalogue.js';
import type { Paper } from './document.js';
import { canvasOf, contextOf, PAPER_COLOUR } from './paint.js';

/** @param tone of the paper that is there: kept unless only the other one shows anything, as the server decides, too */
export function toneUnder(
  bitmap: ImageBitmap,
  kind: ReadyModel['conditioning']['kind'],
  tone: Paper['tone'],
): Paper['tone'] {
  // A photograph is no drawing: what is transparent in it is whatever the paper is.
  if (kind === 'image' || shows(bitmap, tone)) return tone;
  const other = tone === 'light' ? 'dark' : 'light';
  return shows(bitmap, other, true) ? other : tone;
}

/**
 * Whether there is ink on such paper.
 * @param asPaper and the rest of it is paper indeed: an all white picture shows on dark paper, too, but is no drawing on it
 */
function shows(bitmap: ImageBitmap, tone: Paper['tone'], asPaper = false): boolean {
  const { width, height } = bitmap;
  const context = contextOf(canvasOf(width, height), { willReadFrequently: true });
  context.fillStyle = PAPER_COLOUR[tone];
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  const data = withoutAlpha(context.getImageData(0, 0, width, height).data);
  const inkIsLight = tone === 'dark';
  for (let at = 0; at < data.length; at += 3)
    if (isLight(data, at) === inkIsLight)
      return !asPaper || isLightOnDark({ data, width, height }) === inkIsLight;
  return false;
}

function withoutAlpha(data: Uint8ClampedArray): Uint8Array {
  const pixels = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    pixels[to] = data[from] as number;
    pixels[to + 1] = data[from + 1] as number;
    pixels[to + 2] = data[from + 2] as number;
  }
  return pixels;
}
