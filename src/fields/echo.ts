/** What of a value that somebody sent is told back to them. */

/** Characters, at most. */
export const MAX_ECHO = 100;

/** A value as it may be told back: whole if it is short, else cut or only named. */
export function echo(value: unknown): unknown {
  if (typeof value === 'string') return value.length > MAX_ECHO ? `${value.slice(0, MAX_ECHO)}…` : value;
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  // JSON can say 1e999, and has no word for what becomes of it.
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value;
}
