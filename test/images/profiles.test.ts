/** Whatever space a picture's colours are told in, they are read as sRGB. */
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/images/decode.js';
import sharp from '../../src/images/sharp.js';
import { pixel } from './helpers.js';

const limits = { maxPixels: 50_000_000 };

describe('colour spaces', () => {
  it('turns CMYK into sRGB', async () => {
    const white = await sharp({ create: { width: 16, height: 16, channels: 3, background: '#ffffff' } })
      .toColourspace('cmyk')
      .jpeg({ quality: 100 })
      .toBuffer();
    expect((await sharp(white).metadata()).space).toBe('cmyk');
    expect(pixel(await decodeImage(white, limits), 8, 8).every((value) => value > 250)).toBe(true);

    const red = await sharp({ create: { width: 16, height: 16, channels: 3, background: '#c02020' } })
      .toColourspace('cmyk')
      .jpeg({ quality: 100 })
      .toBuffer();
    const [r = 0, g = 255, b = 255] = pixel(await decodeImage(red, limits), 8, 8);
    expect(r).toBeGreaterThan(150);
    expect(Math.max(g, b)).toBeLessThan(80);
  });

  it('converts an embedded profile to sRGB', async () => {
    const wide = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#20c040' } })
      .withIccProfile('p3')
      .png()
      .toBuffer();
    const [r = 0, g = 0, b = 0] = pixel(await decodeImage(wide, limits), 4, 4);
    // Encoded as Display P3 the numbers differ; read back as sRGB they are the colour that went in.
    expect(Math.abs(r - 0x20) + Math.abs(g - 0xc0) + Math.abs(b - 0x40)).toBeLessThan(8);
  });

  it.each(['srgb', 'p3'])('converts it (%s) where there are 16 bits, too, alpha or none', async (profile) => {
    for (const channels of [3, 4] as const) {
      const background = { r: 0xc0, g: 0x40, b: 0x20, alpha: 1 };
      const deep = await sharp({ create: { width: 8, height: 8, channels, background } })
        .toColourspace('rgb16')
        .withIccProfile(profile)
        .png()
        .toBuffer();
      expect(await sharp(deep).metadata()).toMatchObject({ depth: 'ushort', hasProfile: true, channels });
      const [r = 0, g = 0, b = 0] = pixel(await decodeImage(deep, limits), 4, 4);
      expect(Math.abs(r - 0xc0) + Math.abs(g - 0x40) + Math.abs(b - 0x20)).toBeLessThan(8);
    }
  });
});
