/** Pictures that were made earlier, with all that brings them back. */
import type { StreamConfiguration } from '../../client/index.js';
import { flatten, type Operation } from '../drawing/document.js';
import { decode, encodeOnce } from '../drawing/encoded-pictures.js';
import { type Packed, pack, unpack } from '../drawing/packed.js';
import type { Made } from './live.js';
import type { Settings } from './settings.js';
import { Shelf } from './shelf.js';

/** What is held of one in memory. Its pictures are blobs, which browsers keep on disk. */
export interface Earlier {
  picture: Blob;
  /** The frame that was sent. */
  input: Blob;
  settings: Settings;
  configuration: StreamConfiguration;
  seed: number;
}

/** What was visible on its sheet: thousands of strokes, it may be, that are read only when it is chosen. */
interface Kept extends Earlier {
  drawing: Packed<Blob>[];
}

const MOST = 24;
/** Of the newest, the drawings stay in memory as they were, pictures of megabytes included: one goes back to those most. */
const MOST_LIVE = 3;

/**
 * The last different ones. They are kept over a reload in one list for all tabs of this origin: one for each tab would be
 * left behind with the tab, since nobody tells when that is closed for good; and what one made yesterday one looks for in
 * a new tab. Where storage is switched off they last as long as the page.
 */
export class EarlierPictures {
  static readonly most = MOST;
  readonly #shelf = Shelf.open<Kept>('img2img-earlier').catch(() => undefined);
  /** Newest first. */
  #all: readonly Earlier[] = [];
  readonly #keys = new WeakMap<Earlier, IDBValidKey>();
  /** Drawings of those that could not be put on the shelf. */
  readonly #loose = new WeakMap<Earlier, Packed<Blob>[]>();
  /** Newest first. */
  #live: readonly { earlier: Earlier; operations: readonly Operation[] }[] = [];

  /** What was kept before, oldest first. */
  async load(): Promise<readonly Earlier[]> {
    const shelf = await this.#shelf;
    const kept = await shelf?.map(({ drawing: _, ...earlier }, key) => {
      this.#keys.set(earlier, key);
      return earlier;
    });
    this.#all = kept?.toReversed() ?? [];
    return kept ?? [];
  }

  /** @returns undefined where it is there already */
  async add(made: Made): Promise<Earlier | undefined> {
    const { picture, input, settings, configuration, seed } = made;
    const earlier = { picture, input, settings, configuration, seed };
    const same = await Promise.all(this.#all.map((other) => isSame(earlier, other)));
    if (same.includes(true)) return undefined;
    this.#all = [earlier, ...this.#all].slice(0, MOST);
    this.#live = [{ earlier, operations: made.operations }, ...this.#live].slice(0, MOST_LIVE);
    const drawing = await packedOf(made.operations);
    try {
      const key = await (await this.#shelf)?.add({ ...earlier, drawing }, MOST);
      if (key === undefined) this.#loose.set(earlier, drawing);
      else this.#keys.set(earlier, key);
    } catch {
      // No room even for it alone.
      this.#loose.set(earlier, drawing);
    }
    return earlier;
  }

  /**
   * What was on its sheet; without pictures for which there is no memory.
   * @returns undefined where it made room for newer ones of another tab, or was cleared there
   */
  async drawingOf(earlier: Earlier): Promise<readonly Operation[] | undefined> {
    const live = this.#live.find((each) => each.earlier === earlier);
    if (live !== undefined) return live.operations;
    const packed = this.#loose.get(earlier) ?? (await this.#packedOnShelf(earlier).catch(() => undefined));
    return packed === undefined ? undefined : unpack(packed, decode);
  }

  async clear(): Promise<void> {
    this.#all = [];
    this.#live = [];
    await (await this.#shelf)?.clear();
  }

  async #packedOnShelf(earlier: Earlier): Promise<Packed<Blob>[] | undefined> {
    const key = this.#keys.get(earlier);
    if (key === undefined) return undefined;
    return (await (await this.#shelf)?.get(key))?.drawing;
  }
}

async function packedOf(operations: readonly Operation[]): Promise<Packed<Blob>[]> {
  const visible = flatten(operations);
  const blobs = new Map<ImageBitmap, Blob | undefined>();
  for (const operation of visible) {
    if (operation.kind !== 'picture') continue;
    blobs.set(operation.bitmap, (await encodeOnce(operation.bitmap))?.blob);
  }
  return pack(visible, (bitmap) => blobs.get(bitmap));
}

/** Whether they were made of the same sheet in the same way. */
async function isSame(one: Earlier, other: Earlier): Promise<boolean> {
  if (JSON.stringify(one.configuration) !== JSON.stringify(other.configuration)) return false;
  if (one.input.size !== other.input.size) return false;
  const [bytes, others] = await Promise.all(
    [one, other].map(async ({ input }) => new Uint8Array(await input.arrayBuffer())),
  );
  return bytes?.every((byte, index) => byte === others?.[index]) ?? false;
}
