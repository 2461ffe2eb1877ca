/** A bundle read again from its folder, for whoever put it there, or another one in its place, while the server runs. */
import { Img2ImgError, messageOf } from '../errors.js';
import { Catalogue } from './catalogue.js';
import { type Discovered, discoverBundles, refuseForeign, verifyBundle } from './discovery.js';
import type { Manifest } from './manifest.js';
import { withoutFolder } from './without-folder.js';

/** Seconds: what keeps a folder from being read (too many open files, a network) mostly passes. */
const RETRY_SECONDS = 5;

/**
 * @param targets of the devices here
 * @returns as discovery tells of it, but hashed however large it is; undefined where there is no such bundle
 * @throws Img2ImgError `model_unavailable` when the folder of bundles cannot be read
 */
export async function rereadBundle(
  id: string,
  modelsDir: string,
  targets: ReadonlySet<Manifest['target']>,
): Promise<Discovered | undefined> {
  const entries = await discoverBundles(modelsDir).catch((error) => {
    const reason = withoutFolder(messageOf(error), modelsDir);
    throw new Img2ImgError('model_unavailable', `The folder of models cannot be read: ${reason}`, {
      retryAfterSeconds: RETRY_SECONDS,
      cause: error,
    });
  });
  const found = new Catalogue(refuseForeign(entries, targets)).find(id);
  if (found?.status !== 'ready') return found;
  try {
    await verifyBundle(found.bundle);
    return found;
  } catch (error) {
    return { status: 'failed', id, reason: withoutFolder(messageOf(error), modelsDir) };
  }
}
