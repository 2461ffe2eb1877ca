/** Light lines on transparency, as drawing programs in dark mode save them: over white nobody would see them. */
import { type DecodeLimits, decodeImage } from './decode.js';
import type { Raster } from './raster.js';
import sharp from './sharp.js';
import { isLight, isLightOnDark } from './sketch.js';

/**
 * A picture laid over black where that shows light lines of which nothing dark can be seen over white.
 * @param overWhite the same picture as `decodeImage` gives it
 * @throws Img2ImgError as `decodeImage` does
 */
export async function lightLinesOverBlack(
  data: Uint8Array,
  overWhite: Raster,
  limits: DecodeLimits,
): Promise<Raster | undefined> {
  // Nearly every drawing ends here, at its first stroke; only a blank one goes on and is decoded twice if it has alpha.
  if (someLight(overWhite, false)) return undefined;
  const { hasAlpha } = await sharp(data, { limitInputPixels: limits.maxPixels }).metadata();
  if (!hasAlpha) return undefined;
  const overBlack = await decodeImage(data, limits, '#000000');
  return someLight(overBlack, true) && isLightOnDark(overBlack) ? overBlack : undefined;
}

/** Whether some pixel is light, or not. */
function someLight({ data }: Raster, light: boolean): boolean {
  for (let at = 0; at < data.length; at += 3) if (isLight(data, at) === light) return true;
  return false;
}
