import { describe, expect, it } from 'vitest';
import { median, percentile, summarise, throughput } from '../../scripts/bench/statistics.js';

describe('percentiles', () => {
  it('lie between the nearest two measurements, whatever their order', () => {
    expect(percentile([30, 10, 20, 40], 0.5)).toBe(25);
    expect(percentile([1, 2, 3, 4, 5], 0.25)).toBe(2);
    expect(percentile([0, 100], 0.99)).toBeCloseTo(99);
  });

  it('are the measurement itself where there is but one, and NaN where there is none', () => {
    expect(percentile([7], 0.99)).toBe(7);
    expect(median([])).toBeNaN();
  });

  it('leave the list as it was', () => {
    const values = [3, 1, 2];
    summarise(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('are summed up with count, mean and worst', () => {
    expect(summarise([1, 2, 3, 10])).toMatchObject({ count: 4, mean: 4, p50: 2.5, max: 10 });
  });
});

describe('throughput', () => {
  it('is what came in the window where that is many', () => {
    expect(throughput(Array(40).fill(100), 4, 10)).toBe(4);
  });

  it('is told from the answers’ length where they are few: a window of 60 s may hold 1 or 2 of 31 s', () => {
    expect(throughput([31_000], 1, 60)).toBeCloseTo(1 / 31);
    expect(throughput([30_000, 30_000, 30_000], 2, 60)).toBeCloseTo(2 / 30);
  });

  it('is nothing where nothing came', () => {
    expect(throughput([], 4, 10)).toBe(0);
  });
});
