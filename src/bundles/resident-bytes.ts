import type { Bundle } from './bundle.js';

/** What a bundle's graphs take in memory. fp16 weights are computed in fp32 on the CPU, and held so. */
export function residentBytes(bundle: Bundle): number {
  const { precision, target } = bundle.manifest;
  return bundle.graphBytes * (precision === 'fp16' && target === 'cpu' ? 2 : 1);
}
