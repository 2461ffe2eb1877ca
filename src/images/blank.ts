/** Whether a picture shows anything: a sheet nobody has drawn on yet is not one whose lines were missed. */
import type { Raster } from './raster.js';

/** Grey levels between the lightest and the darkest; fainter is dust on the glass. */
const FAINTEST_LINE = 8;

/** Looks at green, which is most of what is seen; ends at the first difference. */
export function isBlank({ data }: Raster): boolean {
  let lightest = data[1] ?? 0;
  let darkest = lightest;
  for (let at = 1; at < data.length; at += 3) {
    const value = data[at] as number;
    if (value > lightest) lightest = value;
    else if (value < darkest) darkest = value;
    else continue;
    if (lightest - darkest >= FAINTEST_LINE) return false;
  }
  return true;
}
