import { describe, expect, it } from 'vitest';
import { Img2ImgError } from '../../src/errors.js';
import { checkSize, type Fit, planFit } from '../../src/images/fit.js';
import type { Size } from '../../src/images/raster.js';

const rules = { native: [512, 512], dynamic: true, multiple_of: 8, min: 64, max: 2048 } as const;
const fixed = { ...rules, dynamic: false };

function refusal(
  source: Size,
  fit: Fit,
  size: Size | undefined,
  allowed: typeof rules | typeof fixed = rules,
) {
  try {
    planFit(source, fit, size, allowed);
  } catch (error) {
    if (error instanceof Img2ImgError) return error;
  }
  throw new Error('was not refused');
}

describe('the canvas', () => {
  it('is the native size where none is asked for', () => {
    expect(planFit({ width: 300, height: 200 }, 'cover', undefined, rules).canvas).toEqual({
      width: 512,
      height: 512,
    });
  });

  it('is the own size rounded down to the multiple for fit none', () => {
    const plan = planFit({ width: 333, height: 200 }, 'none', undefined, rules);
    expect(plan.canvas).toEqual({ width: 328, height: 200 });
    expect(plan.crop).toEqual({ left: 0, top: 0, width: 333, height: 200 });
  });

  it('keeps the whole picture, padded evenly, for contain', () => {
    const plan = planFit({ width: 400, height: 100 }, 'contain', { width: 128, height: 128 }, rules);
    expect(plan.inner).toEqual({ left: 0, top: 48, width: 128, height: 32 });
  });

  it('loses evenly on both sides for cover', () => {
    const plan = planFit({ width: 400, height: 100 }, 'cover', { width: 128, height: 128 }, rules);
    expect(plan.crop).toEqual({ left: 150, top: 0, width: 100, height: 100 });
  });

  it('keeps at least one line of a very long picture', () => {
    const plan = planFit({ width: 5000, height: 1 }, 'contain', { width: 128, height: 128 }, rules);
    expect(plan.inner.height).toBe(1);
  });
});

describe('a size that the bundle does not run', () => {
  const source = { width: 300, height: 300 };
  it('is refused with field, value and what is allowed', () => {
    for (const [width, height] of [
      [100, 128],
      [32, 64],
      [2056, 512],
    ] as const) {
      const error = refusal(source, 'cover', { width, height });
      expect(error.code).toBe('invalid_request');
      expect(error.details).toEqual({
        errors: [
          {
            field: 'size',
            value: `${width}x${height}`,
            allowed: 'width and height multiples of 8 from 64 to 2048',
          },
        ],
      });
    }
  });

  it('is every other than the native one where sizes are fixed', () => {
    expect(() => checkSize({ width: 512, height: 512 }, fixed)).not.toThrow();
    expect(refusal(source, 'fill', { width: 256, height: 256 }, fixed).message).toContain('512x512');
    expect(refusal(source, 'none', undefined, fixed).code).toBe('invalid_request');
    expect(planFit({ width: 512, height: 512 }, 'none', undefined, fixed).canvas.width).toBe(512);
  });

  it('is refused for fit none when the picture is too small, too large or contradicts size', () => {
    expect(refusal({ width: 60, height: 300 }, 'none', undefined).message).toContain(
      "keeps the image's size, 60x300, rounded down to multiples of 8: 56x296, which this model does not run",
    );
    expect(refusal({ width: 3000, height: 300 }, 'none', undefined).message).toContain('choose another fit');
    expect(refusal(source, 'none', { width: 512, height: 512 }).message).toContain('contradicts');
  });

  it('for fit none names the value that was sent, not the picture’s size', () => {
    expect(refusal(source, 'none', { width: 256, height: 256 }).details.errors).toEqual([
      { field: 'size', value: '256x256', allowed: 'none with fit none' },
    ]);
    expect(refusal({ width: 3000, height: 300 }, 'none', undefined).details.errors).toMatchObject([
      { field: 'fit', value: 'none', allowed: expect.stringContaining('cover, contain or fill') },
    ]);
  });
});
