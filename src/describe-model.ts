/** A bundle as the API tells of it. */
import type { Discovered } from './bundles/discovery.js';
import type { BundleResidency } from './bundles/residency.js';
import type { ModelDescription } from './service.js';

/** @param residency of a bundle on every device */
export function describeModel(
  entry: Discovered,
  residency: (id: string) => BundleResidency[],
): ModelDescription {
  if (entry.status === 'failed') return { id: entry.id, status: 'failed', reason: entry.reason };
  const { manifest } = entry.bundle;
  const { id, title, description, family, conditioning, prompt, stochastic } = manifest;
  const { default_gamma, size, layout, precision, licence, origin } = manifest;
  return {
    id,
    status: 'ready',
    title,
    description,
    family,
    conditioning,
    prompt,
    directions: manifest.directions.map((direction) => ({
      id: direction.id,
      title: direction.title,
      ...(direction.prompt === undefined ? {} : { prompt: direction.prompt }),
    })),
    stochastic,
    ...(default_gamma === undefined ? {} : { default_gamma }),
    size,
    layout,
    precision,
    residency: residency(id),
    licence,
    origin,
  };
}
