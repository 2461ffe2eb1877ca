/** What each placed picture is kept as: encoded once, when it is placed, because a page that is left has no time for it. */
import { encodePicture, textOf } from './picture-data.js';

const urls = new WeakMap<ImageBitmap, string>();
const encodings = new WeakMap<ImageBitmap, Promise<void>>();

/** Resolves when it is encoded, or cannot be. The bitmap may be closed as soon as this has been called. */
export function encodeOnce(bitmap: ImageBitmap): Promise<void> {
  let encoding = encodings.get(bitmap);
  if (encoding === undefined) {
    encoding = encodePicture(bitmap)
      .then(textOf)
      .then(
        (url) => void urls.set(bitmap, url),
        // No memory for it: whoever wants to keep it goes on without.
        () => {},
      );
    encodings.set(bitmap, encoding);
  }
  return encoding;
}

/** As a data URL; undefined where it is not encoded yet, or cannot be. */
export function urlOf(bitmap: ImageBitmap): string | undefined {
  return urls.get(bitmap);
}

/** It was decoded from this, and needs no encoding. */
export function comesFrom(bitmap: ImageBitmap, url: string): void {
  urls.set(bitmap, url);
  encodings.set(bitmap, Promise.resolve());
}
