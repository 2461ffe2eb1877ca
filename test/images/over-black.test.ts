/** Drawings on transparency: light ones are laid over black, all others over white as ever. */
import { describe, expect, it } from 'vitest';
import { loadCanny } from '../../src/images/canny.js';
import type { Conditioning } from '../../src/images/conditioning.js';
import { planFit } from '../../src/images/fit.js';
import { prepare } from '../../src/images/prepare.js';
import { fromSvg } from '../from-svg.js';
import { anySize } from './helpers.js';

const SIDE = 64;
const plan = planFit({ width: SIDE, height: SIDE }, 'fill', { width: SIDE, height: SIDE }, anySize);
const auto = { kind: 'sketch', invert: 'auto' } as const;

/** A circle, soft at its edges as every program draws it. */
function drawing(paper: string, stroke: string, fill = 'none'): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}">
<rect width="${SIDE}" height="${SIDE}" fill="${paper}"/>
<circle cx="32" cy="32" r="20" fill="${fill}" stroke="${stroke}" stroke-width="4"/></svg>`;
  return fromSvg(svg).png().toBuffer();
}

const prepared = (encoded: Buffer, conditioning: Conditioning) =>
  prepare({ encoded, limits: { maxPixels: 1e6 }, plan, conditioning }, loadCanny);
const strokes = (data: Uint8Array) => data.reduce((sum, value) => sum + (value === 255 ? 1 : 0), 0);

describe('light lines on transparency', () => {
  it.each([
    ['auto', '#fff'],
    ['true', '#fff'],
    ['auto', '#cfe'],
  ] as const)('are strokes with invert=%s, as they would be on black (%s)', async (invert, stroke) => {
    const clear = await prepared(await drawing('none', stroke), { kind: 'sketch', invert });
    const black = await prepared(await drawing('#000', stroke), { kind: 'sketch', invert });
    expect(strokes(black.data)).toBeGreaterThan(500);
    expect(clear).toMatchObject({ inverted: true, missed: false });
    expect(Buffer.compare(clear.data, black.data)).toBe(0);
  });

  it('are edges too', async () => {
    const edge = { kind: 'edge', lowThreshold: 100, highThreshold: 200 } as const;
    const clear = await prepared(await drawing('none', '#fff'), edge);
    const black = await prepared(await drawing('#000', '#fff'), edge);
    expect(Buffer.compare(clear.data, black.data)).toBe(0);
    expect(clear.missed).toBe(false);
  });

  it('are missed, and told so, where only dark ones are wanted', async () => {
    const clear = await prepared(await drawing('none', '#fff'), { kind: 'sketch', invert: 'false' });
    expect(clear.missed).toBe(true);
    expect(strokes(clear.data)).toBe(0);
  });
});

describe('everything else is laid over white', () => {
  it.each([
    ['dark strokes', '#000', 'none'],
    ['light shapes with dark outlines', '#000', '#fff'],
  ])('%s', async (_name, stroke, fill) => {
    const clear = await prepared(await drawing('none', stroke, fill), auto);
    const white = await prepared(await drawing('#fff', stroke, fill), auto);
    expect(clear.inverted).toBe(false);
    expect(strokes(clear.data)).toBeGreaterThan(500);
    expect(Buffer.compare(clear.data, white.data)).toBe(0);
  });

  it.each([
    ['nothing at all', 'none', 'none'],
    ['a blank sheet', '#fff', 'none'],
  ])('%s, without a warning', async (_name, paper, stroke) => {
    const blank = await prepared(await drawing(paper, stroke), auto);
    expect(blank).toMatchObject({ inverted: false, missed: false });
    expect(strokes(blank.data)).toBe(0);
  });

  it('a light sheet whose corners are transparent', async () => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}">
<rect width="${SIDE}" height="${SIDE}" rx="8" fill="#fff"/></svg>`;
    const sheet = await prepared(await fromSvg(svg).png().toBuffer(), auto);
    expect(strokes(sheet.data)).toBe(0);
  });

  it('a photo', async () => {
    const photo = await prepared(await drawing('none', '#fff'), { kind: 'image' });
    expect(strokes(photo.data)).toBe(SIDE * SIDE * 3);
  });
});
