/** The small random-weight bundles of test/fixtures/bundles, as tests use them. */
import { fileURLToPath } from 'node:url';
import type { Bundle } from '../src/bundles/bundle.js';
import { discoverBundles } from '../src/bundles/discovery.js';

export const FIXTURES = fileURLToPath(new URL('./fixtures/bundles', import.meta.url));

/** @throws Error with the reason when the bundle was refused */
export async function fixtureBundle(id: string): Promise<Bundle> {
  for (const entry of await discoverBundles(FIXTURES)) {
    if (entry.status === 'ready' && entry.bundle.id === id) return entry.bundle;
    if (entry.status === 'failed' && entry.id === id) throw new Error(entry.reason);
  }
  throw new Error(`there is no fixture ${id}`);
}
