/** Files that call themselves what they are not: libvips reads none that the server does not. */
import { describe, expect, it } from 'vitest';
import { decodeImage, readSize } from '../../src/images/decode.js';

const limits = { maxPixels: 50_000_000 };
/** Where an AVIF has its type and brand, as in `<!--ftypavif-->`. */
const BRAND = 'ftypavif';

/** Shapes of shapes of shapes: eight times as many with each level. */
function nested(levels: number): string {
  const groups = Array.from({ length: levels }, (_, level) => {
    const inner = `<use href="#g${level}"/>`.repeat(8);
    return `<g id="g${level + 1}" opacity="0.9">${inner}</g>`;
  });
  return `<defs><rect id="g0" width="99" height="99"/>${groups.join('')}</defs><use href="#g${levels}"/>`;
}

describe('a file that calls itself AVIF', () => {
  it.each([
    [
      'SVG',
      `<!--${BRAND}--><svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">${nested(3)}</svg>`,
    ],
    ['PPM', `P6\n#${BRAND}\n2 2\n255\n${'x'.repeat(12)}`],
  ])('and is %s is an invalid image', async (_type, text) => {
    await expect(readSize(Buffer.from(text), limits)).rejects.toMatchObject({ code: 'invalid_image' });
    await expect(decodeImage(Buffer.from(text), limits)).rejects.toMatchObject({ code: 'invalid_image' });
  });
});
