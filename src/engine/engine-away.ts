/** What is said of a device whose engine is not there at present. */
import { Img2ImgError } from '../errors.js';

export function engineAway(device: string): Img2ImgError {
  return new Img2ImgError(
    'engine_unavailable',
    `The engine of ${device} is away; it is being started again.`,
    {
      details: { device },
    },
  );
}
