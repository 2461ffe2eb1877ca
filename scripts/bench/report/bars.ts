/** The bars of the project: a name, what was measured, what it must be. */
import type { Table } from './table.js';
import { formatNumber } from './table.js';

export interface Bar {
  name: string;
  value: number;
  /** Which side of the limit is good. */
  want: 'at least' | 'at most';
  limit: number;
  unit: string;
}

/** A value that could not be measured, infinity included, passes nothing. */
export function passes({ value, want, limit }: Bar): boolean {
  if (!Number.isFinite(value)) return false;
  return want === 'at least' ? value >= limit : value <= limit;
}

/** How far a value is from its bar, in per cent of the bar; positive is good. */
export function margin({ value, want, limit }: Bar): number {
  return ((want === 'at least' ? value - limit : limit - value) / limit) * 100;
}

export function barTable(bars: readonly Bar[]): Table {
  return {
    title: 'Bars',
    columns: ['bar', 'measured', 'wanted', 'margin', ''],
    rows: bars.map((bar) => [
      bar.name,
      `${formatNumber(bar.value)} ${bar.unit}`,
      `${bar.want} ${formatNumber(bar.limit)} ${bar.unit}`,
      Number.isFinite(bar.value) ? `${margin(bar) >= 0 ? '+' : ''}${formatNumber(margin(bar))} %` : '–',
      passes(bar) ? 'pass' : 'MISS',
    ]),
  };
}
