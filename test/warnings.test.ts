import { beforeAll, expect, it } from 'vitest';
import { discoverBundles } from '../src/bundles/discovery.js';
import type { Manifest } from '../src/bundles/manifest.js';
import { type Warning, warningsOf } from '../src/warnings.js';
import { FIXTURES } from './bundle-fixtures.js';

const manifests = new Map<string, Manifest>();
beforeAll(async () => {
  for (const entry of await discoverBundles(FIXTURES)) {
    if (entry.status === 'ready') manifests.set(entry.bundle.id, entry.bundle.manifest);
  }
});

function warnings(
  id: string,
  facts: { missed?: boolean; inverted?: boolean; truncated?: boolean },
): Warning[] {
  const manifest = manifests.get(id);
  if (manifest === undefined) throw new Error(`no bundle ${id}`);
  const { missed = false, inverted = false, truncated = false } = facts;
  return warningsOf({ manifest, prepared: { missed, inverted }, truncated });
}

it('there is no warning where nothing is amiss', () => {
  expect(warnings('tiny-sketch', {})).toEqual([]);
});

it('missed strokes and edges are told with what helps', () => {
  expect(warnings('tiny-sketch', { missed: true })).toEqual([
    { code: 'no_strokes', detail: expect.stringMatching(/darker.*invert=true/) },
  ]);
  expect(warnings('tiny-sketch', { missed: true, inverted: true })).toEqual([
    { code: 'no_strokes', detail: expect.stringMatching(/must be lighter/) },
  ]);
  expect(warnings('tiny-edge', { missed: true })).toEqual([
    { code: 'no_edges', detail: expect.stringMatching(/lower low_threshold/) },
  ]);
});

it('a truncated prompt and missed strokes are two warnings', () => {
  expect(warnings('tiny-sketch', { missed: true, truncated: true })).toMatchObject([
    { code: 'prompt_truncated' },
    { code: 'no_strokes' },
  ]);
});
