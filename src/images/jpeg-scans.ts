/** How often a JPEG goes over its picture: a progressive one may do so thousands of times for 75 bytes each. */
import { Img2ImgError } from '../errors.js';
import { readableType } from './sniff.js';

const SCAN = Buffer.from([0xff, 0xda]);
/** libjpeg's own progression has ten scans, those that optimisers look for some sixty. */
const MAX_SCANS = 100;
/** What looks like a scan stands in random bytes, such as the video a telephone appends, once in so many. */
const BYTES_A_LOOKALIKE = 2 ** 16;

/**
 * Every scan goes over all blocks of the picture: 800 of them in 0.2 MB kept a thread for 15 s at 49 megapixels.
 * @throws Img2ImgError `invalid_image` for a JPEG of more scans than any encoder makes
 */
export function checkScans(data: Uint8Array): void {
  if (readableType(data) !== 'JPEG') return;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  let left = MAX_SCANS + (1.5 * bytes.length) / BYTES_A_LOOKALIKE;
  for (let at = bytes.indexOf(SCAN); at >= 0; at = bytes.indexOf(SCAN, at + SCAN.length)) {
    left -= 1;
    if (left < 0) {
      throw new Img2ImgError('invalid_image', `The JPEG image has more than ${MAX_SCANS} scans.`, {
        details: { type: 'JPEG' },
      });
    }
  }
}
