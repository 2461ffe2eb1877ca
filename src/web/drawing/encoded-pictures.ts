/** What each placed picture is kept as: encoded once, when it is placed, because a page that is left has no time for it. */
import { blobOf, encodePicture, textOf } from './picture-data.js';

export interface Encoded {
  blob: Blob;
  /** The same as a data URL, for storage that holds nothing but text. */
  url: string;
}

const encoded = new WeakMap<ImageBitmap, Encoded>();
const encodings = new WeakMap<ImageBitmap, Promise<Encoded | undefined>>();

/**
 * The bitmap may be closed as soon as this has been called.
 * @returns undefined where there is no memory for it: whoever wants to keep it goes on without
 */
export function encodeOnce(bitmap: ImageBitmap): Promise<Encoded | undefined> {
  return encodings.get(bitmap) ?? remember(bitmap, encodePicture(bitmap));
}

/** undefined where it is not encoded yet, or cannot be. */
export function encodedOf(bitmap: ImageBitmap): Encoded | undefined {
  return encoded.get(bitmap);
}

/** It needs no encoding any more. @throws DOMException where this is no picture */
export async function decode(data: Blob | string): Promise<ImageBitmap> {
  const blob = typeof data === 'string' ? blobOf(data) : data;
  const bitmap = await createImageBitmap(blob);
  await remember(bitmap, Promise.resolve(blob));
  return bitmap;
}

function remember(bitmap: ImageBitmap, blob: Promise<Blob>): Promise<Encoded | undefined> {
  const encoding = blob
    .then(async (blob) => {
      const both = { blob, url: await textOf(blob) };
      encoded.set(bitmap, both);
      return both;
    })
    .catch(() => undefined);
  encodings.set(bitmap, encoding);
  return encoding;
}
