/** A PNG without its texts, which say nothing of its pixels and may be a thousand times as large as the file. */
import { Img2ImgError } from '../errors.js';
import { chunkName, FRAME_BYTES, IEND, NAME_AT, SIGNATURE_BYTES } from './png-chunks.js';
import { readableType } from './sniff.js';

const TEXTS = new Set(['tEXt', 'zTXt', 'iTXt'].map(chunkName));
/** Encoders write chunks of 8 kB and more; going through so many empty ones takes 3 ms. */
const MAX_CHUNKS = 2 ** 18;

/**
 * libvips inflates all texts, up to a thousand of 50 MB each, and sharp makes strings of them on the thread that asks for
 * the size: 0.6 MB of file kept the event loop for 2.7 s. Neither looks into them for how the picture is to be turned.
 *
 * @returns the same bytes where they are no PNG, or one without texts
 * @throws Img2ImgError `invalid_image` for more chunks than any encoder writes
 */
export function withoutText(data: Uint8Array): Uint8Array {
  if (readableType(data) !== 'PNG') return data;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const kept: Uint8Array[] = [];
  let from = 0;
  let chunks = 0;
  for (let at = SIGNATURE_BYTES; at + FRAME_BYTES <= data.length; ) {
    const name = view.getUint32(at + NAME_AT);
    if (name === IEND) break;
    if (++chunks > MAX_CHUNKS) throw tooManyChunks();
    const next = at + FRAME_BYTES + view.getUint32(at);
    if (TEXTS.has(name)) {
      if (at > from) kept.push(data.subarray(from, at));
      from = next;
    }
    at = next;
  }
  return from === 0 ? data : Buffer.concat([...kept, data.subarray(from)]);
}

function tooManyChunks(): Img2ImgError {
  return new Img2ImgError('invalid_image', `The PNG image has more than ${MAX_CHUNKS} chunks.`, {
    details: { type: 'PNG' },
  });
}
