/** An encoded image as it came from outside → its size, its pixels, or an error that says what is wrong with it. */
import { Img2ImgError, messageOf } from '../errors.js';
import { sizeInHeader } from './header.js';
import type { Raster, Size } from './raster.js';
import sharp from './sharp.js';
import { describeUnreadable, type ReadableType, readableType, readableTypes } from './sniff.js';

/** The longest side that JPEG and GIF can have. A kernel that scales a longer one down weighs as much as the picture. */
const MAX_SIDE = 65_535;

export interface DecodeLimits {
  readonly maxPixels: number;
}

/**
 * Width and height after EXIF orientation, from the header alone.
 * @throws Img2ImgError `unsupported_image_type` for every type but PNG, JPEG, WebP, AVIF and GIF · `image_too_large`
 *   above `maxPixels`, or with a side above 65,535 · `invalid_image` where the header is damaged
 */
export async function readSize(data: Uint8Array, limits: DecodeLimits): Promise<Size> {
  const type = typeOf(data);
  const { width, height } = sizeInHeader(data) ?? (await askSize(data, type));
  if (Math.max(width, height) > MAX_SIDE) {
    throw new Img2ImgError(
      'image_too_large',
      `The image is ${width}x${height}: no side may have more than ${MAX_SIDE} pixels.`,
      { details: { width, height, maxSide: MAX_SIDE } },
    );
  }
  if (width * height <= limits.maxPixels) return { width, height };
  throw new Img2ImgError(
    'image_too_large',
    `The image is ${width}x${height}: more than ${limits.maxPixels} pixels are not allowed.`,
    { details: { width, height, maxPixels: limits.maxPixels } },
  );
}

/**
 * Decodes PNG, JPEG, WebP, AVIF or GIF (the first frame of an animation) at its full size: EXIF orientation applied,
 * an embedded profile converted to sRGB, alpha flattened over `background`, grey, palette, 16-bit and CMYK made 8-bit RGB.
 *
 * Runs on libuv's threads; 3 to 4 ms for a 512×512 JPEG. The result owns its buffer.
 *
 * @throws Img2ImgError as `readSize` does, `invalid_image` where the file is cut off or damaged, and `no_temporary_file`
 */
export async function decodeImage(
  data: Uint8Array,
  limits: DecodeLimits,
  background = '#ffffff',
): Promise<Raster> {
  const type = typeOf(data);
  try {
    const pipeline = sharp(data, {
      // Pixels that are missing or damaged fail the request; a picture half grey would be answered with nonsense.
      failOn: 'error',
      limitInputPixels: limits.maxPixels,
      autoOrient: true,
      sequentialRead: true,
    })
      .flatten({ background })
      .toColourspace('srgb');
    // sharp converts a profile of more than 8 bits to Display P3, and only a profile asked for takes it on from there.
    if (await isDeepWithProfile(data, type)) pipeline.withIccProfile('srgb', { attach: false });
    const decoded = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    const { width, height, channels } = decoded.info;
    if (channels !== 3) throw new Error(`decoded to ${channels} channels`);
    return { data: decoded.data, width, height };
  } catch (error) {
    // Too many pixels are refused by libvips too, before it decodes, but only this tells how many.
    await readSize(data, limits);
    throw invalid(type, error);
  }
}

/** Where in a PNG its bits a sample stand (W3C PNG, 11.2.1). */
const PNG_DEPTH = 24;

/** Only PNG and AVIF have more than 8 bits. */
async function isDeepWithProfile(data: Uint8Array, type: ReadableType): Promise<boolean> {
  if (type !== 'AVIF' && (type !== 'PNG' || data[PNG_DEPTH] !== 16)) return false;
  const { space, hasProfile } = await sharp(data, { limitInputPixels: false }).metadata();
  return space === 'rgb16' && hasProfile === true;
}

async function askSize(data: Uint8Array, type: ReadableType): Promise<Size> {
  try {
    // Our own limit comes after: sharp's message would not tell the size.
    return (await sharp(data, { limitInputPixels: false }).metadata()).autoOrient;
  } catch (error) {
    throw invalid(type, error);
  }
}

function typeOf(data: Uint8Array): ReadableType {
  const type = readableType(data);
  if (type !== undefined) return type;
  const found = describeUnreadable(data);
  const types = `${readableTypes.slice(0, -1).join(', ')} or ${readableTypes.at(-1)}`;
  throw new Img2ImgError('unsupported_image_type', `The image must be ${types}; this looks like ${found}.`, {
    details: { allowed: [...readableTypes], found },
  });
}

/** How libvips names its temporary files, and what it says where one finds no room: neither is the image's fault. */
const TEMPORARY_FILE = /vips-\d+-\d+\.v|wbuffer_write/;

function invalid(type: ReadableType, cause: unknown): Img2ImgError {
  if (TEMPORARY_FILE.test(messageOf(cause)))
    return new Img2ImgError(
      'no_temporary_file',
      `The server cannot write the temporary file in which it decodes a large ${type} image.`,
      { cause },
    );
  return new Img2ImgError('invalid_image', `The ${type} image cannot be decoded: it is cut off or damaged.`, {
    details: { type, reason: messageOf(cause).split('\n')[0] },
    cause,
  });
}
