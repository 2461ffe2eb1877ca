import { beforeAll, describe, expect, it } from 'vitest';
import { Catalogue } from '../src/bundles/catalogue.js';
import { discoverBundles } from '../src/bundles/discovery.js';
import { loadStyles } from '../src/prompts/styles.js';
import { streamConfigurationSchema } from '../src/request.js';
import { type ResolveContext, resolveRequest } from '../src/resolve.js';
import { FIXTURES } from './bundle-fixtures.js';

let context: ResolveContext;
beforeAll(async () => {
  const catalogue = new Catalogue(await discoverBundles(FIXTURES));
  context = { catalogue, styles: loadStyles(), defaultTimeoutMs: 10_000, defaultModel: () => 'tiny-sketch' };
});

describe('resolved settings', () => {
  it('tell the size a picture is fitted to', () => {
    const { settings } = resolveRequest(streamConfigurationSchema.parse({}), context);
    expect(settings).toMatchObject({ model: 'tiny-sketch', direction: 'sketch_to_image', size: '64x64' });
  });

  it.each([
    ['tiny-sketch', {}, { format: 'png', invert: 'auto', gamma: expect.any(Number) }],
    [
      'tiny-edge',
      { format: 'jpeg' },
      { format: 'jpeg', quality: 90, low_threshold: 100, high_threshold: 200 },
    ],
    ['tiny-day-night', { format: 'webp', quality: 5 }, { format: 'webp', quality: 5 }],
  ])('of %s tell all that it takes, and nothing that it does not', (model, fields, expected) => {
    const { settings } = resolveRequest(streamConfigurationSchema.parse({ model, ...fields }), context);
    const { direction: _, ...told } = settings;
    const common = {
      model,
      seed: expect.any(Number),
      fit: 'cover',
      size: '64x64',
      restore_size: false,
      timeout_ms: 10_000,
    };
    expect(told).toEqual({ ...common, ...expected });
    // As a client sends them back that wants more of the same.
    expect(resolveRequest(streamConfigurationSchema.parse(settings), context).settings).toMatchObject(
      expected,
    );
  });

  it('tell none where the picture keeps its own, so that a stream may send them back', () => {
    const { settings } = resolveRequest(streamConfigurationSchema.parse({ fit: 'none' }), context);
    expect(settings.size).toBeUndefined();
    expect(resolveRequest(settings, context).size).toBeUndefined();
  });
});
