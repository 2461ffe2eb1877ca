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
  context = { catalogue, styles: loadStyles(), defaultModel: () => 'tiny-sketch' };
});

describe('resolved settings', () => {
  it('tell the size a picture is fitted to', () => {
    const { settings } = resolveRequest(streamConfigurationSchema.parse({}), context);
    expect(settings).toMatchObject({ model: 'tiny-sketch', direction: 'sketch_to_image', size: '64x64' });
  });

  it('tell none where the picture keeps its own, so that a stream may send them back', () => {
    const { settings } = resolveRequest(streamConfigurationSchema.parse({ fit: 'none' }), context);
    expect(settings.size).toBeUndefined();
    expect(resolveRequest(settings, context).size).toBeUndefined();
  });
});
