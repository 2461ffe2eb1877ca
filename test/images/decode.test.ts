import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Img2ImgError } from '../../src/errors.js';
import { decodeImage, readSize } from '../../src/images/decode.js';
import sharp from '../../src/images/sharp.js';
import { pipeline, pixel, scene } from './helpers.js';

const limits = { maxPixels: 50_000_000 };
const picture = scene(64, 48);

const encoders = {
  PNG: () => pipeline(picture).png().toBuffer(),
  JPEG: () => pipeline(picture).jpeg({ quality: 95 }).toBuffer(),
  WebP: () => pipeline(picture).webp({ quality: 95 }).toBuffer(),
  AVIF: () => pipeline(picture).avif({ quality: 80, effort: 0 }).toBuffer(),
  GIF: () => pipeline(picture).gif().toBuffer(),
};

async function failure(data: Uint8Array, maxPixels = limits.maxPixels): Promise<Img2ImgError> {
  const error: unknown = await decodeImage(data, { maxPixels }).then(
    () => new Error('was decoded'),
    (reason: unknown) => reason,
  );
  if (error instanceof Img2ImgError) return error;
  throw error;
}

/** A PNG chunk: length, type, data, checksum. */
function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** A PNG whose header may claim anything. */
function png(width: number, height: number, pixels: Uint8Array, depth = 8, colour = 2): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('decoding', () => {
  for (const [type, encode] of Object.entries(encoders)) {
    it(`reads ${type}`, async () => {
      const decoded = await decodeImage(await encode(), limits);
      expect([decoded.width, decoded.height, decoded.data.length]).toEqual([64, 48, 64 * 48 * 3]);
      const [red = 0, green = 0] = pixel(decoded, 32, 24);
      expect(Math.abs(red - 127)).toBeLessThan(20);
      expect(Math.abs(green - 127)).toBeLessThan(20);
    });
  }

  it('reads a lossless picture exactly', async () => {
    const decoded = await decodeImage(await encoders.PNG(), limits);
    expect(Buffer.compare(decoded.data, picture.data)).toBe(0);
  });

  it('takes the first frame of an animation', async () => {
    const frames = Buffer.concat([Buffer.alloc(32 * 32 * 3, 200), Buffer.alloc(32 * 32 * 3, 20)]);
    const raw = { width: 32, height: 64, channels: 3, pageHeight: 32 } as const;
    for (const format of ['gif', 'webp'] as const) {
      const animation = await sharp(frames, { raw, animated: true }).toFormat(format).toBuffer();
      expect((await sharp(animation).metadata()).pages).toBe(2);
      const decoded = await decodeImage(animation, limits);
      expect([decoded.width, decoded.height]).toEqual([32, 32]);
      expect(Math.abs((pixel(decoded, 5, 5)[0] ?? 0) - 200)).toBeLessThan(4);
    }
  });

  it('turns by the EXIF orientation', async () => {
    // Red on the left half, blue on the right; orientation 6 means: turn clockwise to look at it.
    const data = Buffer.alloc(40 * 20 * 3);
    for (let at = 0; at < data.length; at += 3) data[at + ((at / 3) % 40 < 20 ? 0 : 2)] = 255;
    const encoded = await pipeline({ data, width: 40, height: 20 })
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer();
    const decoded = await decodeImage(encoded, limits);
    expect([decoded.width, decoded.height]).toEqual([20, 40]);
    expect(pixel(decoded, 10, 5)[0]).toBeGreaterThan(240);
    expect(pixel(decoded, 10, 35)[2]).toBeGreaterThan(240);
  });

  it('lays alpha over white', async () => {
    const rgba = Buffer.from([0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 128, 200, 0, 0, 255]);
    for (const format of ['png', 'webp'] as const) {
      const raw = { width: 4, height: 1, channels: 4 } as const;
      const encoded = await sharp(rgba, { raw }).toFormat(format, { lossless: true }).toBuffer();
      const decoded = await decodeImage(encoded, limits);
      expect(pixel(decoded, 0, 0)).toEqual([255, 255, 255]);
      expect(pixel(decoded, 1, 0)).toEqual([0, 0, 0]);
      expect(Math.abs((pixel(decoded, 2, 0)[1] ?? 0) - 127)).toBeLessThanOrEqual(1);
      expect(pixel(decoded, 3, 0)).toEqual([200, 0, 0]);
    }
  });

  it('reads grey, grey with alpha, palette and one-bit pictures as RGB', async () => {
    const grey = sharp(Buffer.from([0, 100, 200, 255]), { raw: { width: 4, height: 1, channels: 1 } });
    const decoded = await decodeImage(await grey.toColourspace('b-w').png().toBuffer(), limits);
    expect([...decoded.data]).toEqual([0, 0, 0, 100, 100, 100, 200, 200, 200, 255, 255, 255]);

    const greyAlpha = png(2, 1, Buffer.from([0, 50, 255, 50, 0]), 8, 4);
    expect([...(await decodeImage(greyAlpha, limits)).data]).toEqual([50, 50, 50, 255, 255, 255]);

    const palette = await pipeline(picture).png({ palette: true, colours: 8 }).toBuffer();
    expect((await decodeImage(palette, limits)).data.length).toBe(64 * 48 * 3);

    const oneBit = png(8, 1, Buffer.from([0, 0b10100000]), 1, 0);
    const bits = await decodeImage(oneBit, limits);
    expect([0, 1, 2, 3].map((x) => pixel(bits, x, 0)[0])).toEqual([255, 0, 255, 0]);
  });

  it('scales 16 bits to 8, colour and grey', async () => {
    const rgb = Buffer.alloc(1 + 12);
    [0x0000, 0x8080, 0xffff, 0x4040, 0xc0c0, 0x0101].forEach((value, index) => {
      rgb.writeUInt16BE(value, 1 + index * 2);
    });
    const colour = await decodeImage(png(2, 1, rgb, 16, 2), limits);
    expect([...colour.data]).toEqual([0, 0x80, 0xff, 0x40, 0xc0, 0x01]);

    const grey = Buffer.alloc(1 + 6);
    [0x0000, 0x8080, 0xffff].forEach((value, index) => {
      grey.writeUInt16BE(value, 1 + index * 2);
    });
    const decoded = await decodeImage(png(3, 1, grey, 16, 0), limits);
    expect([0, 1, 2].map((x) => pixel(decoded, x, 0))).toEqual([
      [0, 0, 0],
      [0x80, 0x80, 0x80],
      [0xff, 0xff, 0xff],
    ]);
  });
});

describe('bad input', () => {
  const others: Record<string, [string, Uint8Array | Promise<Uint8Array>]> = {
    'an empty body': ['an empty file', new Uint8Array()],
    'plain text': ['text', Buffer.from('hello, this is not an image')],
    SVG: [
      'SVG',
      Buffer.from('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    ],
    HTML: ['an HTML page', Buffer.from('<!doctype html><p>404')],
    'a data URI': ['a data URI in place of the bytes', Buffer.from('data:image/png;base64,AAAA')],
    PDF: ['PDF', Buffer.from('%PDF-1.7\n%âãÏÓ')],
    TIFF: ['TIFF', pipeline(picture).tiff().toBuffer()],
    BMP: ['BMP', Buffer.from('BM\x36\0\0\0\0\0\0\0', 'latin1')],
    HEIC: ['HEIC', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')],
    MP4: ['a video or another ISO media file', Buffer.from('\0\0\0\x18ftypisom\0\0\0\0mp41isom', 'latin1')],
    'unknown bytes': ['an unknown type of file', Buffer.from([1, 2, 3, 4, 5, 6, 7, 8])],
    'a JPEG signature cut to two bytes': ['an unknown type of file', Buffer.from([0xff, 0xd8])],
  };
  for (const [name, [found, data]] of Object.entries(others)) {
    it(`${name} is refused, naming the types that are read`, async () => {
      const error = await failure(await data);
      expect(error.code).toBe('unsupported_image_type');
      expect(error.details).toEqual({ allowed: ['PNG', 'JPEG', 'WebP', 'AVIF', 'GIF'], found });
      expect(error.message).toContain('PNG, JPEG, WebP, AVIF or GIF');
      expect(error.message).toContain(found);
    });
  }

  for (const [type, encode] of Object.entries(encoders)) {
    for (const share of [0.05, 0.3, 0.6, 0.9]) {
      it(`a ${type} cut off at ${share * 100} % is an invalid image`, async () => {
        const whole = await encode();
        const error = await failure(whole.subarray(0, Math.max(16, Math.floor(whole.length * share))));
        expect(error.code).toBe('invalid_image');
        expect(error.details).toMatchObject({ type });
      });
    }
  }

  it('a PNG with a byte changed in its pixels is an invalid image', async () => {
    const damaged = Buffer.from(await encoders.PNG());
    const middle = Math.floor(damaged.length / 2);
    damaged[middle] = (damaged[middle] ?? 0) ^ 0xff;
    expect((await failure(damaged)).code).toBe('invalid_image');
  });

  it('bytes after a signature that mean nothing are an invalid image', async () => {
    for (const encode of Object.values(encoders)) {
      const head = (await encode()).subarray(0, 12);
      const noise = Buffer.concat([
        head,
        Buffer.from(Array.from({ length: 500 }, (_, index) => (index * 37) & 255)),
      ]);
      expect((await failure(noise)).code).toBe('invalid_image');
    }
  });

  it('a header that claims more pixels than allowed is refused before anything is decoded', async () => {
    const bomb = png(60_000, 60_000, Buffer.alloc(10));
    const started = performance.now();
    const error = await failure(bomb);
    expect(error.code).toBe('image_too_large');
    expect(error.details).toEqual({ width: 60_000, height: 60_000, maxPixels: 50_000_000 });
    expect(performance.now() - started).toBeLessThan(500);
  });

  for (const [type, encode] of Object.entries(encoders)) {
    it(`a ${type} with one pixel too many is refused, one with just as many is read`, async () => {
      const encoded = await encode();
      const error = await failure(encoded, 64 * 48 - 1);
      expect(error.code).toBe('image_too_large');
      expect(error.details).toEqual({ width: 64, height: 48, maxPixels: 64 * 48 - 1 });
      expect((await decodeImage(encoded, { maxPixels: 64 * 48 })).width).toBe(64);
    });
  }

  it('with a side that no other type could have is refused', async () => {
    const strip = png(65_536, 2, Buffer.alloc(10));
    await expect(readSize(strip, limits)).rejects.toMatchObject({
      code: 'image_too_large',
      details: { width: 65_536, height: 2, maxSide: 65_535 },
    });
  });

  it('a large image is not told to be damaged where the server has no room for its temporary file', async () => {
    const image = await sharp({ create: { width: 6000, height: 6000, channels: 3, background: 'white' } })
      .webp({ effort: 0 })
      .toBuffer();
    // GLib reads TMPDIR once a process.
    const decode = fileURLToPath(new URL('../../dist/images/decode.js', import.meta.url));
    const program = `import { decodeImage } from ${JSON.stringify(decode)};
const bytes = Buffer.from(process.argv[1], 'base64');
await decodeImage(bytes, { maxPixels: 5e7 }).catch(({ code }) => process.stdout.write(code));`;
    const { stdout } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', program, image.toString('base64')],
      { encoding: 'utf8', env: { ...process.env, TMPDIR: '/nowhere' } },
    );
    expect(stdout).toBe('no_temporary_file');
  });

  it('does no harm to the pictures beside it', async () => {
    const good = await encoders.JPEG();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => decodeImage(index % 2 ? good.subarray(0, 200) : good, limits)),
    );
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual(
      results.map((_, index) => index % 2 === 0),
    );
  });
});
