import { afterAll, describe, expect, it } from 'vitest';
import { type Canny, loadCanny } from '../../src/images/canny.js';
import { condition } from '../../src/images/conditioning.js';
import { padTo, planFit, resizeToPlan } from '../../src/images/fit.js';
import { ImageProcessor } from '../../src/images/processor.js';
import type { Raster } from '../../src/images/raster.js';
import { binarise, type Invert, luminance } from '../../src/images/sketch.js';
import { anyone, anySize, cases, compare, fixture, pipeline, scene } from './helpers.js';

const { resizes, edges, sketches } = cases();

/** A plan that changes nothing. */
const asIs = (width: number, height: number) =>
  planFit({ width, height }, 'fill', { width, height }, { ...anySize, multiple_of: 1, min: 1 });

/** Much faster than `toEqual` on arrays of this length, and blind to Buffer being another class. */
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

describe('resizing', () => {
  for (const { source, fit, width, height, expected } of resizes) {
    it(`gives Pillow's pixels: ${source}, ${fit} ${width}x${height}`, async () => {
      const picture = await fixture(source);
      const rules = { ...anySize, multiple_of: 1 };
      const plan = planFit({ width: picture.width, height: picture.height }, fit, { width, height }, rules);
      const resized = padTo(resizeToPlan(picture, plan), plan, 0);
      expect(same(resized.data, (await fixture(expected)).data)).toBe(true);
    });
  }
});

describe('a sketch whose bytes do not start at a word', () => {
  it('gives the same strokes', () => {
    const { data, width, height } = scene(30, 21);
    const shifted = Buffer.alloc(data.length + 1);
    shifted.set(data, 1);
    const offset = { data: shifted.subarray(1), width, height };
    expect([...binarise(offset, 'auto').data]).toEqual([...binarise({ data, width, height }, 'auto').data]);
  });
});

describe('edges', () => {
  let canny: Canny;
  it("give cv2's pixels on 99.9 % of every picture", async () => {
    canny = await loadCanny();
    for (const { source, low, high, expected } of edges) {
      const picture = await fixture(source);
      const found = canny(picture, low, high);
      const { data } = await fixture(expected);
      const grey = Uint8Array.from({ length: data.length / 3 }, (_, pixel) => luminance(data, pixel * 3));
      expect(compare(found, grey).equal, `${source} ${low} ${high}`).toBeGreaterThanOrEqual(0.999);
    }
  });

  it('keep memory flat over 500 runs', () => {
    const picture = scene(256, 256);
    for (let run = 0; run < 20; run++) canny(picture, 100, 200);
    const before = process.memoryUsage().rss;
    for (let run = 0; run < 500; run++) canny(picture, 100, 200);
    // 500 leaked pairs of matrices would be 130 MB.
    expect(process.memoryUsage().rss - before).toBeLessThan(60e6);
  });

  it('have no frame where a picture is padded', async () => {
    const picture = { data: new Uint8Array(100 * 50 * 3).fill(90), width: 100, height: 50 };
    const plan = planFit({ width: 100, height: 50 }, 'contain', { width: 128, height: 128 }, anySize);
    const { data } = condition(picture, plan, { kind: 'edge', lowThreshold: 100, highThreshold: 200 }, canny);
    expect(data.every((value) => value === 0)).toBe(true);
  });
});

describe('sketches', () => {
  for (const { source, inverted, expected } of sketches) {
    it(`are binarised as the reference does it, strokes 255 on 0: ${source}`, async () => {
      const picture = await fixture(source);
      const named = binarise(picture, inverted ? 'true' : 'false');
      expect(same(named.data, (await fixture(expected)).data)).toBe(true);
      expect(named.inverted).toBe(inverted);
    });
  }

  it('have their polarity found in the picture', async () => {
    for (const { source, inverted } of sketches.filter(({ source }) => !source.includes('scene'))) {
      const picture = await fixture(source);
      expect(binarise(picture, 'auto').inverted, source).toBe(inverted);
    }
  });

  it('keep their polarity when they are mostly ink', () => {
    const size = 100;
    const data = new Uint8Array(size * size * 3).fill(255);
    for (let y = 6; y < 94; y++) data.fill(0, (y * size + 6) * 3, (y * size + 94) * 3);
    expect(binarise({ data, width: size, height: size }, 'auto').inverted).toBe(false);
  });

  it('are empty when the paper is, whether black or white', () => {
    for (const paper of [0, 255]) {
      const blank = { data: new Uint8Array(64 * 64 * 3).fill(paper), width: 64, height: 64 };
      expect(binarise(blank, 'auto').data.every((value) => value === 0)).toBe(true);
    }
  });

  it('are padded with background whatever the paper', async () => {
    for (const name of ['dark-on-light', 'light-on-dark']) {
      const picture = await fixture(`sketch-${name}.png`);
      const plan = planFit(picture, 'contain', { width: 256, height: 128 }, anySize);
      const { data } = condition(picture, plan, { kind: 'sketch', invert: 'auto' });
      for (let y = 0; y < 128; y++) {
        expect(data.subarray(y * 768, y * 768 + 60 * 3).every((value) => value === 0)).toBe(true);
      }
    }
  });
});

describe('lines that were missed', () => {
  const size = 64;
  /** A line of one grey on paper of another. */
  const drawn = (line: number, paper: number) => {
    const data = new Uint8Array(size * size * 3).fill(paper);
    data.fill(line, 30 * size * 3, 31 * size * 3);
    return { data, width: size, height: size };
  };
  const missed = (picture: Raster, invert: Invert = 'auto') =>
    condition(picture, asIs(size, size), { kind: 'sketch', invert }).missed;

  it('are told of where none is dark enough, or light enough on dark', () => {
    expect(missed(drawn(160, 255))).toBe(true);
    expect(missed(drawn(110, 0))).toBe(true);
    expect(missed(drawn(100, 255))).toBe(false);
    expect(missed(drawn(160, 0))).toBe(false);
  });

  it.each([
    ['yellow', [255, 255, 0]],
    ['green', [0, 255, 0]],
    ['cyan', [0, 255, 255]],
  ])('are told of where they are %s on white', (_name, colour) => {
    const picture = drawn(255, 255);
    for (let pixel = 30 * size; pixel < 31 * size; pixel++) picture.data.set(colour, pixel * 3);
    expect(missed(picture)).toBe(true);
  });

  it('are none where the sheet is blank', () => {
    for (const paper of [0, 200, 255]) expect(missed(drawn(paper, paper)), `${paper}`).toBe(false);
    expect(missed(drawn(252, 255))).toBe(false);
  });

  it('are told of where a picture has no edge', async () => {
    const canny = await loadCanny();
    const edges = (picture: Raster) =>
      condition(picture, asIs(size, size), { kind: 'edge', lowThreshold: 100, highThreshold: 200 }, canny)
        .missed;
    expect(edges(drawn(240, 255))).toBe(true);
    expect(edges(drawn(0, 255))).toBe(false);
    expect(edges(drawn(90, 90))).toBe(false);
  });
});

describe('pictures', () => {
  it('go through as they are', () => {
    const picture = scene(64, 48);
    expect(same(condition(picture, asIs(64, 48), { kind: 'image' }).data, picture.data)).toBe(true);
  });

  it('are padded with their outermost pixels', () => {
    const picture = { data: Uint8Array.from([10, 20, 30, 40, 50, 60]), width: 2, height: 1 };
    const plan = {
      ...asIs(2, 1),
      canvas: { width: 4, height: 3 },
      inner: { left: 1, top: 1, width: 2, height: 1 },
    };
    const padded = condition(picture, plan, { kind: 'image' }).data;
    const row = [10, 20, 30, 10, 20, 30, 40, 50, 60, 40, 50, 60];
    expect([...padded]).toEqual([...row, ...row, ...row]);
  });
});

describe('the processor', () => {
  const processor = new ImageProcessor({ maxPixels: 1e7 });
  afterAll(() => processor.close());

  it('gives the same conditioning in a thread as here', async () => {
    const picture = scene(300, 200);
    const encoded = await pipeline(picture).png().toBuffer();
    const canny = await loadCanny();
    for (const conditioning of [
      { kind: 'sketch', invert: 'auto' },
      { kind: 'edge', lowThreshold: 60, highThreshold: 120 },
      { kind: 'image' },
    ] as const) {
      const size = { width: 256, height: 256 };
      const options = { fit: 'contain', size, rules: anySize, conditioning } as const;
      const prepared = await processor.prepare(encoded, options, anyone);
      expect([prepared.width, prepared.height]).toEqual([256, 256]);
      const here = condition(picture, prepared.plan, conditioning, canny);
      expect(same(prepared.data, here.data)).toBe(true);
    }
  });

  it('prepares many pictures at once, each its own', async () => {
    const sizes = Array.from({ length: 24 }, (_, index) => 100 + index * 7);
    const encoded = await Promise.all(sizes.map((size) => pipeline(scene(size, size)).png().toBuffer()));
    const options = { fit: 'fill', size: { width: 64, height: 64 }, rules: anySize } as const;
    const prepared = await Promise.all(
      encoded.map((bytes) =>
        processor.prepare(bytes, { ...options, conditioning: { kind: 'image' } }, anyone),
      ),
    );
    prepared.forEach(({ plan, data }, index) => {
      const size = sizes[index] ?? 0;
      expect(plan.source).toEqual({ width: size, height: size });
      expect(same(data, resizeToPlan(scene(size, size), plan).data)).toBe(true);
    });
  });
});
