/** A load in an engine's thread, and where the largest batches have no room, another one without them. */
import type { BundleSpec, LoadOutput } from './protocol.js';

/**
 * Sessions keep all the memory they ever took. New ones leave others the room that the batch that failed had filled.
 * @param load loads a bundle, in place of what is there of it, and warms it up
 * @returns the times of all loads together, since the next one will be as long; `failed` of the last one that has it
 * @throws what `load` does
 */
export async function loadWithRoom(
  spec: BundleSpec,
  load: (spec: BundleSpec) => Promise<LoadOutput>,
): Promise<LoadOutput> {
  const first = await load(spec);
  if (first.failed === undefined) return first;
  const batchSizes = first.runMs.map(({ batchSize }) => batchSize);
  // A size that fails only then says so itself.
  const again = await loadWithRoom({ ...spec, batchSizes }, load);
  return {
    failed: first.failed,
    ...again,
    loadMs: first.loadMs + again.loadMs,
    warmUpMs: first.warmUpMs + again.warmUpMs,
  };
}
