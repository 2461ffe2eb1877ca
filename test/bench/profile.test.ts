import { describe, expect, it } from 'vitest';
import { flopsOf, lastRun, operatorCosts, type ProfileEvent } from '../../scripts/bench/engine/profile.js';

const node = (
  op_name: string,
  ts: number,
  dur: number,
  inputs: number[][],
  output: number[],
): ProfileEvent => ({
  cat: 'Node',
  name: `${op_name}_kernel_time`,
  ts,
  dur,
  args: {
    op_name,
    input_type_shape: inputs.map((shape) => ({ float: shape })),
    output_type_shape: [{ float: output }],
  },
});
const run = (ts: number, dur: number): ProfileEvent => ({ cat: 'Session', name: 'model_run', ts, dur });

describe('a profile of ONNX Runtime', () => {
  it('is read for its last run only: those before it warmed up', () => {
    const events = [
      node('Conv', 10, 900, [], []),
      run(0, 1_000),
      node('Conv', 2_010, 5, [], []),
      run(2_000, 100),
    ];
    expect(lastRun(events)).toEqual([events[2]]);
    expect(lastRun([])).toEqual([]);
  });

  it('adds up time and arithmetic by operator, dearest first', () => {
    const costs = operatorCosts([
      // 4×4 pictures of 8 channels from 3, by 3×3: 2·(8·16)·27 operations.
      node('Conv', 0, 1_000, [[1, 3, 4, 4], [8, 3, 3, 3], [8]], [1, 8, 4, 4]),
      node('FusedConv', 0, 500, [[1, 3, 4, 4], [8, 3, 3, 3], [8]], [1, 8, 4, 4]),
      node(
        'MatMul',
        0,
        3_000,
        [
          [2, 5, 7],
          [7, 11],
        ],
        [2, 5, 11],
      ),
      node(
        'MatMul',
        0,
        1_000,
        [
          [2, 5, 7],
          [7, 11],
        ],
        [2, 5, 11],
      ),
      node(
        'MultiHeadAttention',
        0,
        10,
        [
          [1, 6, 8],
          [1, 4, 8],
          [1, 4, 8],
        ],
        [1, 6, 8],
      ),
      node('Softmax', 0, 20, [[1, 5]], [1, 5]),
    ]);
    expect(costs).toEqual([
      { operator: 'MatMul', count: 2, milliseconds: 4, flops: 2 * 2 * (2 * 5 * 11) * 7 },
      { operator: 'Conv', count: 1, milliseconds: 1, flops: 2 * 8 * 16 * 27 },
      { operator: 'FusedConv', count: 1, milliseconds: 0.5, flops: 2 * 8 * 16 * 27 },
      { operator: 'Softmax', count: 1, milliseconds: 0.02, flops: 0 },
      { operator: 'MultiHeadAttention', count: 1, milliseconds: 0.01, flops: 4 * 48 * 4 },
    ]);
  });

  it('counts attention whether queries, keys and values come apart, in part or all packed', () => {
    const attention = (...inputs: number[][]) =>
      flopsOf(node('MultiHeadAttention', 0, 1, inputs, [2, 64, 80]));
    const own = 4 * (2 * 64 * 80) * 64;
    expect(attention([2, 64, 80], [2, 64, 80], [2, 64, 80])).toBe(own);
    expect(attention([2, 64, 5, 3, 16])).toBe(own);
    expect(attention([2, 64, 80], [2, 77, 5, 2, 16])).toBe(4 * (2 * 64 * 80) * 77);
  });
});
