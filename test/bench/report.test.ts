import { describe, expect, it } from 'vitest';
import { parseServerTiming } from '../../scripts/bench/load/http-client.js';
import { readOptions } from '../../scripts/bench/options.js';
import { barTable, margin, passes } from '../../scripts/bench/report/bars.js';
import { renderTable } from '../../scripts/bench/report/table.js';

describe('the report', () => {
  it('is Markdown that shows a missing number as a dash and long ones in three digits', () => {
    const table = {
      title: 'T',
      columns: ['name', 'value'],
      rows: [
        ['a', 1.23456],
        ['b', undefined],
        ['c', 123.4],
      ],
    };
    expect(renderTable(table)).toBe(
      [
        '### T',
        '',
        '| name | value |',
        '|------|-------|',
        '| a    | 1.23  |',
        '| b    | –     |',
        '| c    | 123   |',
      ].join('\n'),
    );
  });

  it('says of each bar whether it passes and by how much, and of one not measured that it is missed', () => {
    const busy = { name: 'busy', value: 96, want: 'at least', limit: 95, unit: '%' } as const;
    const late = { name: 'late', value: 25, want: 'at most', limit: 20, unit: 'ms' } as const;
    expect(passes(busy)).toBe(true);
    expect(passes(late)).toBe(false);
    expect(margin(late)).toBe(-25);
    expect(passes({ ...busy, value: Number.NaN })).toBe(false);
    expect(passes({ ...busy, value: Number.POSITIVE_INFINITY })).toBe(false);
    expect(barTable([busy, late]).rows.map((row) => row.at(-1))).toEqual(['pass', 'MISS']);
  });

  it('reads times from a Server-Timing header', () => {
    expect(parseServerTiming('decode;dur=1.50, queue;dur=0.10, total;dur=12')).toEqual({
      decode: 1.5,
      queue: 0.1,
      total: 12,
    });
    expect(parseServerTiming(undefined)).toEqual({});
  });
});

describe('the options', () => {
  it('name what is wrong with them', () => {
    expect(() => readOptions(['--parts', 'engin'])).toThrow('"engin" is none of transport');
    expect(() => readOptions(['--seconds', 'soon'])).toThrow('--seconds: "soon"');
    expect(() => readOptions(['--parts', 'peer'])).toThrow('--peer-base');
    expect(() => readOptions(['--fast'])).toThrow('--fast');
  });

  it('leave the peer out where its weights are not given', () => {
    const withoutPeer = [
      'transport',
      'start',
      'load',
      'engine',
      'layouts',
      'instances',
      'server',
      'ceiling',
      'memory',
    ];
    expect(readOptions([]).parts).toEqual(withoutPeer);
    expect(readOptions(['--peer-base', '/b', '--peer-checkpoint', '/c']).parts).toContain('peer');
  });
});
