/** Results as Markdown tables: readable on a terminal, and pasted into a page as they are. */

export type Cell = string | number | undefined;

export interface Table {
  title: string;
  columns: readonly string[];
  rows: readonly (readonly Cell[])[];
}

/** Three significant digits below a thousand: what a noisy machine can tell apart. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const magnitude = Math.abs(value);
  if (Number.isInteger(value) || magnitude >= 100) return String(Math.round(value));
  return value.toFixed(magnitude >= 10 ? 1 : 2);
}

export function renderTable({ title, columns, rows }: Table): string {
  const text = (cell: Cell): string =>
    cell === undefined ? '–' : typeof cell === 'number' ? formatNumber(cell) : cell;
  const body = rows.map((row) => row.map(text));
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...body.map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [`### ${title}`, '', line(columns), rule, ...body.map(line)].join('\n');
}
