/** Whether a picture shows anything: a sheet nobody has drawn on yet is not one whose lines were missed. */
import type { Raster } from './raster.js';

/** Levels of one channel between the lightest and the darkest; fainter is dust on the glass. */
const FAINTEST_LINE = 8;

/** Green first, in which most lines show; yellow on white shows in blue alone, green and cyan not in green. */
const CHANNELS = [1, 2, 0];

export function isBlank({ data }: Raster): boolean {
  return CHANNELS.every((channel) => isFlat(data, channel));
}

/** Ends at the first difference. */
function isFlat(data: Uint8Array, channel: number): boolean {
  let lightest = data[channel] ?? 0;
  let darkest = lightest;
  for (let at = channel; at < data.length; at += 3) {
    const value = data[at] as number;
    if (value > lightest) lightest = value;
    else if (value < darkest) darkest = value;
    else continue;
    if (lightest - darkest >= FAINTEST_LINE) return false;
  }
  return true;
}
