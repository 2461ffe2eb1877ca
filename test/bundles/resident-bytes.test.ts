/** What bundles take in memory together. */
import { expect, it } from 'vitest';
import type { Bundle } from '../../src/bundles/bundle.js';
import { bytesTogether } from '../../src/bundles/resident-bytes.js';
import { bundle } from '../scheduling/fake-devices.js';

function sharing(id: string, precision: 'fp16' | 'fp32'): Bundle {
  const made = bundle(id);
  return {
    ...made,
    manifest: { ...made.manifest, precision },
    graphs: [
      { path: `${id}/translator`, sha256: '', bytes: 1_000 },
      { path: 'shared/text_encoder', sha256: 'one', bytes: 500 },
    ],
  };
}

it('counts a graph that bundles of both precisions share as the larger of them holds it, in any order', () => {
  const [half, full] = [sharing('goose', 'fp16'), sharing('swan', 'fp32')];
  // In fp32, 2,000 and 1,000 of their own, and 1,000 that they share.
  expect(bytesTogether([half, full])).toBe(4_000);
  expect(bytesTogether([full, half])).toBe(4_000);
});
