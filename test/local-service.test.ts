/** The service on engines that die and come back at a word. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Catalogue } from '../src/bundles/catalogue.js';
import { discoverBundles } from '../src/bundles/discovery.js';
import { readConfig } from '../src/config.js';
import { LocalService } from '../src/local-service.js';
import { createMetrics } from '../src/metrics.js';
import { FIXTURES } from './bundle-fixtures.js';
import { FakeEngine } from './scheduling/fake-engine.js';

const MODEL = 'tiny-sketch';

describe('with one of two devices gone', () => {
  let [good, gone]: [FakeEngine, FakeEngine] = [new FakeEngine(), new FakeEngine()];
  let service: LocalService;
  beforeEach(async () => {
    [good, gone] = [new FakeEngine({ id: 'cuda:0' }), new FakeEngine({ id: 'cuda:1' })];
    service = new LocalService({
      config: readConfig({ MODELS_DIR: FIXTURES }),
      logger: pino({ level: 'silent' }),
      metrics: createMetrics(),
      styles: [],
      catalogue: new Catalogue(await discoverBundles(FIXTURES)),
      engines: [good, gone],
      preload: [],
    });
    gone.dieForGood();
  });
  afterEach(() => service.close());

  const states = () => {
    const model = service.model(MODEL);
    return model.status === 'ready' ? model.residency.map(({ state }) => state) : [];
  };

  it('a load is answered when it is done on the other, and made up for', async () => {
    await service.load(MODEL);
    expect(states()).toEqual(['loaded', 'unloaded']);
    gone.comeBack();
    await vi.waitFor(() => expect(states()).toEqual(['loaded', 'loaded']));
  });

  it('a load is made up for by one that comes back while the other loads', async () => {
    const load = good.load.bind(good);
    vi.spyOn(good, 'load').mockImplementation(async (bundle) => {
      gone.comeBack();
      await new Promise((resolve) => setTimeout(resolve, 50));
      return load(bundle);
    });
    await service.load(MODEL);
    await vi.waitFor(() => expect(states()).toEqual(['loaded', 'loaded']));
  });

  it('a load that failed on the other is not made up for', async () => {
    vi.spyOn(good, 'load').mockRejectedValue(new Error('no memory'));
    await expect(service.load(MODEL)).rejects.toMatchObject({ code: 'model_unavailable' });
    gone.comeBack();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(gone.loads).toEqual([]);
  });

  it('an unload is answered, and a load is not made up for after it', async () => {
    await service.load(MODEL);
    await service.unload(MODEL);
    expect(states()).toEqual(['unloaded', 'unloaded']);
    gone.comeBack();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(gone.loads).toEqual([]);
  });

  it('a load onto that one is refused, as one onto any device is where none is there', async () => {
    const refused = { code: 'engine_unavailable' };
    await expect(service.load(MODEL, 'cuda:1')).rejects.toMatchObject(refused);
    good.dieForGood();
    await expect(service.load(MODEL)).rejects.toMatchObject(refused);
    expect([...good.loads, ...gone.loads]).toEqual([]);
  });
});
