import { describe, expect, it } from 'vitest';
import { bucketsBetween, grown, parseMetrics } from '../../scripts/bench/prometheus.js';

const before = parseMetrics(`
# HELP img2img_batch_size Pictures in a batch
# TYPE img2img_batch_size histogram
img2img_batch_size_bucket{le="1",device="cpu:0",model="a, \\"b\\""} 5
img2img_batch_size_bucket{le="2",device="cpu:0",model="a, \\"b\\""} 5
img2img_batch_size_bucket{le="4",device="cpu:0",model="a, \\"b\\""} 5
img2img_batch_size_bucket{le="+Inf",device="cpu:0",model="a, \\"b\\""} 5
img2img_batch_size_sum{device="cpu:0"} 5
busy_seconds_total{device="cpu:0"} 1.5
busy_seconds_total{device="cpu:1"} 2
plain 3e-3
`);
const after = parseMetrics(`
img2img_batch_size_bucket{le="1",device="cpu:0"} 7
img2img_batch_size_bucket{le="1",device="cpu:1"} 1
img2img_batch_size_bucket{le="2",device="cpu:0"} 11
img2img_batch_size_bucket{le="2",device="cpu:1"} 1
img2img_batch_size_bucket{le="4",device="cpu:0"} 11
img2img_batch_size_bucket{le="4",device="cpu:1"} 1
img2img_batch_size_bucket{le="+Inf",device="cpu:0"} 12
img2img_batch_size_bucket{le="+Inf",device="cpu:1"} 1
busy_seconds_total{device="cpu:0"} 2.5
busy_seconds_total{device="cpu:1"} 4
`);

describe('a reading of the metrics', () => {
  it('adds a metric up over its labels, and is 0 for one that is not there', () => {
    expect(before.sum('busy_seconds_total')).toBe(3.5);
    expect(before.sum('plain')).toBe(0.003);
    expect(before.sum('busy_seconds')).toBe(0);
  });

  it('tells how much a counter grew', () => {
    expect(grown(before, after, 'busy_seconds_total')).toBe(3);
  });

  it('tells what was observed in each bucket since the reading before, cumulated by no other', () => {
    const buckets = bucketsBetween(before, after, 'img2img_batch_size');
    expect([...buckets]).toEqual([
      [1, 3],
      [2, 4],
      [Number.POSITIVE_INFINITY, 1],
    ]);
  });
});
