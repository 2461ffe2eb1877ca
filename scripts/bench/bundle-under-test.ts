/** The bundle a run is about: the one named, or the server's default. */
import type { Bundle } from '../../src/bundles/bundle.js';
import { chooseDefault } from '../../src/bundles/catalogue.js';
import { discoverBundles } from '../../src/bundles/discovery.js';
import type { Options } from './options.js';

export function bundleUnderTest(options: Options): Promise<Bundle> {
  return bundleOf(options, options.model);
}

/**
 * @param wanted undefined: the server's default
 * @throws Error when there is no such bundle, or it does not hold together
 */
export async function bundleOf(options: Options, wanted: string | undefined): Promise<Bundle> {
  const entries = await discoverBundles(options.modelsDir);
  const bundles = entries.flatMap((entry) => (entry.status === 'ready' ? [entry.bundle] : []));
  const id = wanted ?? chooseDefault(bundles, undefined);
  const bundle = bundles.find((candidate) => candidate.id === id);
  if (bundle !== undefined) return bundle;
  const refused = entries.find((entry) => entry.status === 'failed' && entry.id === id);
  const reason =
    refused?.status === 'failed'
      ? refused.reason
      : `there are ${bundles.map((b) => b.id).join(', ') || 'none'}`;
  throw new Error(`no bundle ${id ?? ''} in ${options.modelsDir}: ${reason}`);
}

/** Every bundle of the folder that loads on the CPU or was made for the device's provider. */
export async function allBundles(options: Options): Promise<Bundle[]> {
  const entries = await discoverBundles(options.modelsDir);
  const wanted = options.model?.split(',');
  return entries.flatMap((entry) =>
    entry.status === 'ready' && (wanted === undefined || wanted.includes(entry.bundle.id))
      ? [entry.bundle]
      : [],
  );
}
