/** What bundles take in memory. */
import type { Bundle } from './bundle.js';

/** What a bundle's graphs take in memory. */
export function residentBytes(bundle: Bundle): number {
  return bundle.graphBytes * growth(bundle);
}

/** What the graphs of several take together: one that they share (a text encoder, mostly) lies there once. */
export function bytesTogether(bundles: readonly Bundle[]): number {
  const graphs = new Map<string, number>();
  for (const bundle of bundles) {
    for (const { path, sha256, bytes } of bundle.graphs) {
      const graph = `${path}\0${sha256}`;
      // Whichever of them was loaded first, there is room for it as the larger one holds it.
      graphs.set(graph, Math.max(graphs.get(graph) ?? 0, bytes * growth(bundle)));
    }
  }
  return [...graphs.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** fp16 weights are computed in fp32 on the CPU, and held so. */
function growth({ manifest: { precision, target } }: Bundle): number {
  return precision === 'fp16' && target === 'cpu' ? 2 : 1;
}
