import { describe, expect, it } from 'vitest';
import { fillGaussian, philox } from '../../src/engine/noise.js';

describe('noise', () => {
  it('is Philox 4×32-10: the known answer for counter 0 and key 0', () => {
    const words = new Uint32Array(4);
    philox(words, 0, 0);
    // Random123's kat_vectors, philox4x32 10.
    expect([...words].map((word) => word.toString(16))).toEqual([
      '6627e8d5',
      'e169c58d',
      'bc57ac4c',
      '9b00dbd8',
    ]);
  });

  it('is the same for the same seed and another for another', () => {
    const [a, b, c] = [new Float32Array(256), new Float32Array(256), new Float32Array(256)];
    fillGaussian(a, 7);
    fillGaussian(b, 7);
    fillGaussian(c, -7);
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  });

  it('does not depend on how much of it is asked for', () => {
    const [short, long] = [new Float32Array(5), new Float32Array(64)];
    fillGaussian(short, 1);
    fillGaussian(long, 1);
    expect([...short]).toEqual([...long.subarray(0, 5)]);
  });

  it('is standard normal', () => {
    const values = new Float32Array(100_000);
    fillGaussian(values, 42);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    const beyondTwo = values.filter((value) => Math.abs(value) > 2).length / values.length;
    expect(mean).toBeCloseTo(0, 1);
    expect(variance).toBeCloseTo(1, 1);
    expect(beyondTwo).toBeGreaterThan(0.043);
    expect(beyondTwo).toBeLessThan(0.048);
  });
});
