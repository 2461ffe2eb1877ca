/** An encoded image as it came from outside → pixels, or an error that says what is wrong with it. */
import { Img2ImgError } from '../errors.js';
import type { Raster } from './raster.js';
import sharp from './sharp.js';
import { describeUnreadable, readableType, readableTypes } from './sniff.js';

/**
 * Decodes PNG, JPEG, WebP, AVIF or GIF (the first frame of an animation) at its full size: EXIF orientation applied,
 * an embedded profile converted to sRGB, alpha flattened over white, grey, palette, 16-bit and CMYK made 8-bit RGB.
 * The pixels are counted from the header, before anything is decoded.
 *
 * Runs on libuv's threads. The result owns its buffer, which may be transferred to another thread.
 *
 * @throws Img2ImgError `unsupported_image_type` for every other type · `image_too_large` above `maxPixels` ·
 *   `invalid_image` where the file is cut off or damaged
 */
export async function decodeImage(data: Uint8Array, limits: { maxPixels: number }): Promise<Raster> {
  const type = readableType(data);
  if (type === undefined) {
    const found = describeUnreadable(data);
    throw new Img2ImgError(
      'unsupported_image_type',
      `The image must be ${listTypes()}; this looks like ${found}.`,
      { details: { allowed: [...readableTypes], found } },
    );
  }
  try {
    const decoded = await sharp(data, {
      // Pixels that are missing or damaged fail the request; a picture half grey would be answered with nonsense.
      failOn: 'error',
      limitInputPixels: limits.maxPixels,
      autoOrient: true,
      sequentialRead: true,
    })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = decoded.info;
    if (channels !== 3) throw new Error(`decoded to ${channels} channels`);
    return { data: decoded.data, width, height };
  } catch (error) {
    throw await explain(error, data, type, limits.maxPixels);
  }
}

function listTypes(): string {
  return `${readableTypes.slice(0, -1).join(', ')} or ${readableTypes.at(-1)}`;
}

/** sharp tells only by its message why it failed. */
async function explain(
  cause: unknown,
  data: Uint8Array,
  type: string,
  maxPixels: number,
): Promise<Img2ImgError> {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/pixel limit/i.test(message)) {
    const size = await headerSize(data);
    const has = size === undefined ? 'more' : `${size.width}x${size.height}`;
    return new Img2ImgError(
      'image_too_large',
      `The image has ${has} pixels; at most ${maxPixels} pixels are allowed.`,
      { details: { ...size, maxPixels }, cause },
    );
  }
  return new Img2ImgError('invalid_image', `The ${type} image cannot be decoded: it is cut off or damaged.`, {
    details: { type, reason: message.split('\n')[0] },
    cause,
  });
}

async function headerSize(data: Uint8Array): Promise<{ width: number; height: number } | undefined> {
  try {
    const { width, height } = await sharp(data, { limitInputPixels: false }).metadata();
    return { width, height };
  } catch {
    return undefined;
  }
}
