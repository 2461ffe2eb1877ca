/** What is said of a bundle that could not be loaded. */
import { Img2ImgError } from '../errors.js';

/**
 * What whoever asks for a bundle is told that a device could not load.
 * @param retryInMs until it is tried again, infinite where that is no use; undefined where it did not come to a load
 */
export function notLoaded(
  model: string,
  device: string,
  reason: string,
  retryInMs: number | undefined,
  cause?: unknown,
): Img2ImgError {
  return new Img2ImgError(
    'model_unavailable',
    `The model "${model}" could not be loaded on ${device}: ${reason}`,
    {
      details: { model, device, reason },
      // A wait without an end is none to tell of.
      ...(retryInMs === undefined || retryInMs === Number.POSITIVE_INFINITY
        ? {}
        : { retryAfterSeconds: Math.ceil(retryInMs / 1000) }),
      cause,
    },
  );
}
