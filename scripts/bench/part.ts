/** What every part of the bench gets and gives. */
import type { Options } from './options.js';
import type { Bar } from './report/bars.js';
import type { Table } from './report/table.js';

export interface PartResult {
  tables: Table[];
  bars: Bar[];
  /** All numbers, for the JSON. */
  data: unknown;
}

export interface Context {
  options: Options;
  /** Says what is going on; results go elsewhere. */
  log(line: string): void;
}

export type Part = (context: Context) => Promise<PartResult>;
