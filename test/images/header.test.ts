import { describe, expect, it } from 'vitest';
import { sizeInHeader } from '../../src/images/header.js';
import sharp from '../../src/images/sharp.js';
import { pipeline, scene } from './helpers.js';

const picture = scene(64, 48);
const size = { width: 64, height: 48 };

/** `bytes` with `inserted` between the signature's end and what follows. */
const insert = (bytes: Buffer, at: number, inserted: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);

describe('the size in a header', () => {
  it.each([
    ['a JPEG', () => pipeline(picture).jpeg()],
    ['a progressive JPEG', () => pipeline(picture).jpeg({ progressive: true })],
    ['a JPEG with a profile', () => pipeline(picture).withIccProfile('p3').jpeg()],
    ['a grey JPEG', () => pipeline(picture).greyscale().jpeg()],
    ['a PNG', () => pipeline(picture).png()],
    ['an interlaced PNG', () => pipeline(picture).png({ progressive: true })],
    ['a PNG with a palette', () => pipeline(picture).png({ palette: true })],
  ])('is read from %s', async (_what, encode) => {
    expect(sizeInHeader(await encode().toBuffer())).toEqual(size);
  });

  it.each([
    ['WebP', () => pipeline(picture).webp()],
    ['GIF', () => pipeline(picture).gif()],
    ['a JPEG with EXIF data', () => pipeline(picture).withMetadata({ orientation: 6 }).jpeg()],
    ['a PNG with EXIF data', () => pipeline(picture).withMetadata({ orientation: 6 }).png()],
  ])('is left to libvips for %s', async (_what, encode) => {
    expect(sizeInHeader(await encode().toBuffer())).toBeUndefined();
  });

  it('is that of the picture, not of a thumbnail inside it', async () => {
    const thumbnail = await pipeline(scene(16, 16)).jpeg().toBuffer();
    const segment = Buffer.concat([Buffer.from([0xff, 0xed, 0, 0]), thumbnail]);
    segment.writeUInt16BE(thumbnail.length + 2, 2);
    const jpeg = insert(await pipeline(picture).jpeg().toBuffer(), 2, segment);
    expect(sizeInHeader(jpeg)).toEqual(size);
    expect((await sharp(jpeg).metadata()).width).toBe(64);
  });

  it('is never guessed where the file is cut off, and no cut makes it fail', async () => {
    const jpeg = await pipeline(picture).jpeg().toBuffer();
    const png = await pipeline(picture).png().toBuffer();
    const scan = jpeg.indexOf(Buffer.from([0xff, 0xda]));
    for (let end = 0; end < scan; end++) expect(sizeInHeader(jpeg.subarray(0, end))).toBeUndefined();
    for (let end = 0; end < png.length - 8; end++) expect(sizeInHeader(png.subarray(0, end))).toBeUndefined();
  });

  it('is none of zero', async () => {
    const png = await pipeline(picture).png().toBuffer();
    png.writeUInt32BE(0, 16);
    expect(sizeInHeader(png)).toBeUndefined();
  });
});
