/** Placed pictures in the storage of this tab, each written once: the drawing, which changes with every stroke, names them. */
import { decode, encodedOf } from './encoded-pictures.js';

const PREFIX = 'img2img-picture-';

export class KeptPictures {
  readonly #names = new WeakMap<ImageBitmap, string>();
  #named = 0;

  /**
   * Keeps those of them that are encoded, and no others.
   * @throws DOMException where there is no room, or storage is switched off
   */
  keep(bitmaps: readonly ImageBitmap[]): void {
    const wanted = new Map<string, string>();
    for (const bitmap of bitmaps) {
      const name = this.nameOf(bitmap);
      const url = encodedOf(bitmap)?.url;
      if (name !== undefined && url !== undefined) wanted.set(name, url);
    }
    const stored = new Set(Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX)));
    for (const name of stored) if (!wanted.has(name)) sessionStorage.removeItem(name);
    for (const [name, url] of wanted) if (!stored.has(name)) sessionStorage.setItem(name, url);
  }

  /** undefined where it is not encoded yet, or cannot be. */
  nameOf(bitmap: ImageBitmap): string | undefined {
    if (encodedOf(bitmap) === undefined) return undefined;
    const known = this.#names.get(bitmap);
    if (known !== undefined) return known;
    this.#named += 1;
    // Told from those of the page before by the time at which this one was opened.
    const name = `${PREFIX}${performance.timeOrigin}-${this.#named}`;
    this.#names.set(bitmap, name);
    return name;
  }

  /** @throws DOMException where there is none of that name */
  async load(name: string): Promise<ImageBitmap> {
    const bitmap = await decode(sessionStorage.getItem(name) ?? '');
    this.#names.set(bitmap, name);
    return bitmap;
  }
}
