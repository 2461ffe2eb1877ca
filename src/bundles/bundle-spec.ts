/** A bundle as an engine needs to know it. */
import type { BundleSpec } from '../engine/protocol.js';
import type { Bundle } from './bundle.js';

/** @param batchSizes to warm up at, ascending */
export function bundleSpec(bundle: Bundle, batchSizes: number[]): BundleSpec {
  const { manifest } = bundle;
  const { text_encoder } = manifest;
  return {
    id: bundle.id,
    textEncoder: bundle.textEncoderPath,
    textEncoderSha256: [text_encoder, ...text_encoder.external_data].map(({ sha256 }) => sha256).join(),
    directions: Object.fromEntries(bundle.directions),
    embedding: manifest.embedding,
    latent: manifest.latent,
    nativeSize: manifest.size.native,
    batchSizes,
  };
}
