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

/** What earlier parts of the same run measured and later ones compare with. */
export interface Findings {
  /** Pictures a second of the raw engine at its best batch size. */
  rawBest?: number;
}

export interface Context {
  options: Options;
  findings: Findings;
  /** Says what is going on; results go elsewhere. */
  log(line: string): void;
}

export type Part = (context: Context) => Promise<PartResult>;
