/** Pictures that were made earlier, with all that brings them back. */
import type { StreamConfiguration } from '../../client/index.js';
import { flatten, type Operation } from '../drawing/document.js';
import { decode, encodeOnce } from '../drawing/encoded-pictures.js';
import { type Packed, pack, unpack } from '../drawing/packed.js';
import type { Made } from './live.js';
import type { Settings } from './settings.js';
import { Shelf } from './shelf.js';

/** Its pictures are blobs, which browsers keep on disk: a bitmap takes megabytes of memory. */
export interface Earlier {
  picture: Blob;
  /** The frame that was sent. */
  input: Blob;
  settings: Settings;
  configuration: StreamConfiguration;
  seed: number;
  /** What was visible on its sheet. */
  drawing: Packed<Blob>[];
}

export async function earlierOf(made: Made): Promise<Earlier> {
  const { picture, input, settings, configuration, seed } = made;
  const visible = flatten(made.operations);
  const blobs = new Map<ImageBitmap, Blob | undefined>();
  for (const operation of visible) {
    if (operation.kind !== 'picture') continue;
    blobs.set(operation.bitmap, (await encodeOnce(operation.bitmap))?.blob);
  }
  const drawing = pack(visible, (bitmap) => blobs.get(bitmap));
  return { picture, input, settings, configuration, seed, drawing };
}

/** What was on its sheet; without pictures for which there is no memory. */
export function drawingOf({ drawing }: Earlier): Promise<Operation[]> {
  return unpack(drawing, decode);
}

/** Whether they were made of the same sheet in the same way. */
export async function isSame(one: Earlier, other: Earlier): Promise<boolean> {
  if (JSON.stringify(one.configuration) !== JSON.stringify(other.configuration)) return false;
  if (one.input.size !== other.input.size) return false;
  const [bytes, others] = await Promise.all(
    [one, other].map(async ({ input }) => new Uint8Array(await input.arrayBuffer())),
  );
  return bytes?.every((byte, index) => byte === others?.[index]) ?? false;
}

/**
 * Where they are kept over a reload: one list for all tabs of this origin. One for each tab would be left behind with the
 * tab, since nobody tells when that is closed for good; and what one made yesterday one looks for in a new tab.
 * @returns undefined where storage is switched off: then they last as long as the page
 */
export function openEarlier(): Promise<Shelf<Earlier> | undefined> {
  return Shelf.open<Earlier>('img2img-earlier').catch(() => undefined);
}
