/** Files that cost far more than their size and pixels tell are refused, or come without what makes them so. */
import { crc32, deflateSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { sizeInHeader } from '../../src/images/header.js';
import { checkScans } from '../../src/images/jpeg-scans.js';
import { withoutText } from '../../src/images/png-text.js';
import { ImageProcessor } from '../../src/images/processor.js';
import sharp from '../../src/images/sharp.js';
import { anyone, anySize, pipeline, scene } from './helpers.js';

const picture = scene(64, 64);
const HEAD_BYTES = 33;

function chunk(name: string, data: Uint8Array = Buffer.of()): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** With chunks behind its header. */
async function pngWith(...chunks: Buffer[]): Promise<Buffer> {
  const png = await pipeline(picture).png().toBuffer();
  return Buffer.concat([png.subarray(0, HEAD_BYTES), ...chunks, png.subarray(HEAD_BYTES)]);
}

describe('an image bomb', () => {
  const processor = new ImageProcessor({ maxPixels: 5e7 });
  afterAll(() => processor.close());
  const prepare = (encoded: Uint8Array) =>
    processor.prepare(
      encoded,
      { fit: 'fill', size: picture, rules: anySize, conditioning: { kind: 'image' } },
      anyone,
    );

  it('of a PNG is its text, which is not inflated', async () => {
    const text = chunk(
      'zTXt',
      Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.alloc(20 * 2 ** 20, 65))]),
    );
    const bomb = await pngWith(text, text, text);
    expect((await sharp(bomb).metadata()).comments?.[0]?.text).toHaveLength(20 * 2 ** 20);
    const start = performance.now();
    const { data } = await prepare(bomb);
    expect(performance.now() - start).toBeLessThan(100);
    expect(Buffer.compare(data, picture.data)).toBe(0);
  });

  it('of a JPEG is its scans', async () => {
    const jpeg = await pipeline(picture).jpeg({ progressive: true }).toBuffer();
    const scan = jpeg.subarray(jpeg.lastIndexOf(Buffer.from([0xff, 0xda])), -2);
    const scans = Array.from({ length: 150 }, () => scan);
    const bomb = Buffer.concat([jpeg.subarray(0, -2), ...scans, jpeg.subarray(-2)]);
    await expect(prepare(bomb)).rejects.toMatchObject({ code: 'invalid_image', message: /100 scans/ });
  });

  it('is not what a telephone appends to its photos', async () => {
    const jpeg = await pipeline(picture).jpeg({ progressive: true }).toBuffer();
    let state = 1;
    const video = Uint8Array.from({ length: 2 ** 23 }, () => {
      state = Math.imul(state, 1664525) + 1013904223;
      return state >>> 24;
    });
    expect(() => checkScans(Buffer.concat([jpeg, video]))).not.toThrow();
  });

  it('of the event loop is a file of nothing but empty parts', async () => {
    const none = chunk('IDAT');
    const bomb = await pngWith(Buffer.concat(Array.from({ length: 2 ** 20 }, () => none)));
    expect(sizeInHeader(bomb)).toBeUndefined();
    await expect(prepare(bomb)).rejects.toMatchObject({ code: 'invalid_image', message: /chunks/ });
    const segments = Buffer.concat(Array.from({ length: 2 ** 17 }, () => Buffer.from([0xff, 0xe0, 0, 2])));
    const jpeg = await pipeline(picture).jpeg().toBuffer();
    expect(sizeInHeader(Buffer.concat([jpeg.subarray(0, 2), segments, jpeg.subarray(2)]))).toBeUndefined();
  });
});

describe('the text of a PNG', () => {
  const texts = [
    chunk('tEXt', Buffer.from('a\0b')),
    chunk('iTXt', Buffer.from('a\0\0\0\0\0b')),
    chunk('zTXt'),
  ];

  it('is taken out wherever it stands, and nothing else is', async () => {
    const png = await pngWith();
    const [text = Buffer.of(), ...others] = texts;
    const end = png.length - 12;
    const both = await pngWith(text, chunk('tIME', Buffer.alloc(7)), ...others);
    const plain = await pngWith(chunk('tIME', Buffer.alloc(7)));
    expect(Buffer.compare(withoutText(both), plain)).toBe(0);
    const last = Buffer.concat([png.subarray(0, end), text, png.subarray(end)]);
    expect(Buffer.compare(withoutText(last), png)).toBe(0);
  });

  it('is not looked for in other types, nor is a PNG copied that has none', async () => {
    const jpeg = await pipeline(picture).jpeg().toBuffer();
    const png = await pngWith();
    expect(withoutText(jpeg)).toBe(jpeg);
    expect(withoutText(png)).toBe(png);
  });

  it('may be cut off', async () => {
    const whole = await pngWith(...texts);
    for (let end = 0; end < HEAD_BYTES + 60; end++) {
      expect(withoutText(whole.subarray(0, end)).length).toBeLessThanOrEqual(end);
    }
  });
});
