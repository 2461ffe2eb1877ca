import { afterAll, describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/images/decode.js';
import { checkEncodable, encodeImage, mimeTypes } from '../../src/images/encode.js';
import { checkRestored, type Fit, planFit, restoredSize } from '../../src/images/fit.js';
import { ImageProcessor } from '../../src/images/processor.js';
import { anyone, anySize, compare, pipeline, pixel, scene } from './helpers.js';

const picture = scene(96, 64);
const formats = ['png', 'jpeg', 'webp', 'avif'] as const;

describe('encoding', () => {
  for (const format of formats) {
    it(`gives ${format} of the size and nearly the colours that went in`, async () => {
      const encoded = await encodeImage(picture, { format });
      const decoded = await decodeImage(encoded, { maxPixels: 1e6 });
      expect([decoded.width, decoded.height]).toEqual([96, 64]);
      const [a, b] = [pixel(decoded, 48, 32), pixel(picture, 48, 32)];
      expect(Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? 0))))).toBeLessThan(40);
      expect(mimeTypes[format]).toBe(`image/${format}`);
    });
  }

  it.each([
    ['jpeg', 65_500],
    ['webp', 16_383],
    ['avif', 16_384],
  ] as const)(
    '%s holds sides of up to %i pixels, and longer ones are refused beforehand',
    async (format, most) => {
      const longest = { data: new Uint8Array(most * 3), width: 1, height: most };
      expect(() => checkEncodable(longest, format)).not.toThrow();
      expect((await encodeImage(longest, { format })).length).toBeGreaterThan(0);
      const tooLong = { data: new Uint8Array((most + 1) * 3), width: most + 1, height: 1 };
      await expect(encodeImage(tooLong, { format })).rejects.toThrow();
      const allowed = expect.stringMatching(`^one of png.* for a picture of ${most + 1}x1$`);
      expect(() => checkEncodable(tooLong, format)).toThrow(
        expect.objectContaining({
          code: 'invalid_request',
          message: expect.stringMatching(`^format must be one of png.*, not ${format}\\.$`),
          details: { errors: [{ field: 'format', value: format, allowed }] },
        }),
      );
      expect(() => checkEncodable(tooLong, 'png')).not.toThrow();
    },
  );

  it('png is lossless', async () => {
    const decoded = await decodeImage(await encodeImage(picture, { format: 'png' }), { maxPixels: 1e6 });
    expect(compare(decoded.data, picture.data).largest).toBe(0);
  });

  it('a higher quality is nearer and longer', async () => {
    for (const format of ['jpeg', 'webp', 'avif'] as const) {
      const lengths = await Promise.all(
        [20, 95].map(async (quality) => (await encodeImage(picture, { format, quality })).length),
      );
      expect(lengths[1]).toBeGreaterThan(lengths[0] ?? 0);
    }
  });

  it('the same pixels give the same bytes', async () => {
    for (const format of formats) {
      const [one, two] = await Promise.all([1, 2].map(() => encodeImage(picture, { format })));
      expect(one?.equals(two ?? Buffer.alloc(0))).toBe(true);
    }
  });
});

describe('restoring the size', () => {
  const processor = new ImageProcessor({ maxPixels: 1e7 });
  afterAll(() => processor.close());
  const size = { width: 64, height: 64 };

  async function roundTrip(fit: Fit, width: number, height: number) {
    const encoded = await pipeline(scene(width, height)).png().toBuffer();
    const sized = fit === 'none' ? {} : { size };
    const options = { fit, ...sized, rules: anySize, conditioning: { kind: 'image' } } as const;
    const prepared = await processor.prepare(encoded, options, anyone);
    const result = { data: prepared.data, width: prepared.width, height: prepared.height };
    const finished = await processor.finish(result, { format: 'png', restore: prepared.plan }, anyone);
    return { finished, decoded: await decodeImage(finished.data, { maxPixels: 1e7 }), plan: prepared.plan };
  }

  for (const fit of ['contain', 'fill', 'none'] as const) {
    it(`gives the source's size back: ${fit}`, async () => {
      const { finished, decoded } = await roundTrip(fit, 150, 99);
      expect([finished.width, finished.height]).toEqual([150, 99]);
      expect([decoded.width, decoded.height]).toEqual([150, 99]);
      // The picture lies where it lay: nothing of the padding is left, nothing moved.
      const source = scene(150, 99);
      for (const [x, y] of [
        [4, 4],
        [140, 90],
        [75, 50],
      ] as const) {
        const [a, b] = [pixel(decoded, x, y), pixel(source, x, y)];
        expect(
          Math.max(Math.abs((a[0] ?? 0) - (b[0] ?? 0)), Math.abs((a[1] ?? 0) - (b[1] ?? 0))),
        ).toBeLessThan(12);
      }
    });
  }

  it('gives the part that was seen its size back: cover', async () => {
    const { finished } = await roundTrip('cover', 150, 99);
    expect([finished.width, finished.height]).toEqual([99, 99]);
  });

  it('leaves a result alone that has the size already', async () => {
    const { decoded } = await roundTrip('fill', 64, 64);
    expect(compare(decoded.data, scene(64, 64).data).largest).toBe(0);
  });

  it('leaves the buffer that it was given as it was', async () => {
    const plan = planFit({ width: 100, height: 100 }, 'fill', size, anySize);
    const data = Buffer.from(scene(64, 64).data);
    await processor.finish({ data, width: 64, height: 64 }, { format: 'jpeg', restore: plan }, anyone);
    expect(data.length).toBe(64 * 64 * 3);
  });

  it('gives a large result the same bytes, made in a thread as here', async () => {
    const large = scene(1100, 1000);
    const here = await encodeImage(large, { format: 'jpeg', quality: 80 });
    const finished = await processor.finish(large, { format: 'jpeg', quality: 80 }, anyone);
    expect([finished.width, finished.height]).toEqual([1100, 1000]);
    expect(finished.data.equals(here)).toBe(true);
  });

  it('makes no result that nobody waits for any more', async () => {
    const owner = { ...anyone, signal: AbortSignal.abort(new Error('enough')) };
    await expect(processor.finish(picture, { format: 'png' }, owner)).rejects.toThrow('enough');
    const leave = new AbortController();
    const finished = processor.finish(picture, { format: 'png' }, { ...anyone, signal: leave.signal });
    leave.abort(new Error('too late'));
    await expect(finished).rejects.toThrow('too late');
  });

  it('is for no more pixels than one picture sent may have, all results together', () => {
    const plan = planFit({ width: 150, height: 100 }, 'contain', size, anySize);
    expect(() => checkRestored(plan, 3, 45_000)).not.toThrow();
    const allowed = 'at most 2 with restore_size and a picture of 150x100';
    expect(() => checkRestored(plan, 3, 44_999)).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message: `n must be ${allowed}, not 3.`,
        details: { errors: [{ field: 'n', value: 3, allowed }] },
      }),
    );
    // Of a cut picture only what was kept comes back.
    const cut = planFit({ width: 150, height: 100 }, 'cover', size, anySize);
    expect(() => checkRestored(cut, 4, 44_999)).not.toThrow();
  });

  it('never gives a side of nothing', () => {
    const plan = planFit({ width: 2000, height: 1 }, 'cover', size, anySize);
    expect(restoredSize(plan)).toEqual({ width: 1, height: 1 });
  });
});
