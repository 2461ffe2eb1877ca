/** A bundle as an engine needs to know it. */
import type { BundleSpec } from '../engine/protocol.js';
import type { Bundle } from './bundle.js';

/** @param batchSizes to warm up at, ascending */
export function bundleSpec(bundle: Bundle, batchSizes: number[]): BundleSpec {
  const { manifest } = bundle;
  return {
    id: bundle.id,
    textEncoder: bundle.textEncoder,
    directions: Object.fromEntries(bundle.directions),
    embedding: manifest.embedding,
    latent: manifest.latent,
    nativeSize: manifest.size.native,
    batchSizes,
  };
}
