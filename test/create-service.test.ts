/** The whole service on real engines: what it makes of the bundles and devices it finds. */
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { readConfig } from '../src/config.js';
import { createService } from '../src/create-service.js';
import { createMetrics } from '../src/metrics.js';
import type { Service } from '../src/service.js';
import { FIXTURES } from './bundle-fixtures.js';

let service: Service | undefined;
afterEach(() => service?.close());

async function start(settings: Record<string, string>): Promise<Service> {
  const config = readConfig({ MODELS_DIR: FIXTURES, PRELOAD: 'none', DEVICES: 'cpu', ...settings });
  service = await createService({ config, logger: pino({ level: 'silent' }), metrics: createMetrics() });
  return service;
}

describe('the service', () => {
  it('stays ready when a preloaded bundle makes room for another one', async () => {
    // Room for one of them.
    const running = await start({ PRELOAD: 'tiny-sketch', MEMORY_BUDGET_MB: '2' });
    await running.load('tiny-sketch');
    expect(running.readiness()).toEqual({ ready: true, reasons: [] });
    await running.load('tiny-edge');
    expect(running.model('tiny-sketch')).toMatchObject({ residency: [{ state: 'unloaded' }] });
    expect(running.readiness()).toEqual({ ready: true, reasons: [] });
  });

  it('refuses a bundle that is made for a device it does not have, and does not take it for the default', async () => {
    const models = await mkdtemp(join(tmpdir(), 'models-'));
    await cp(FIXTURES, models, { recursive: true });
    const file = join(models, 'tiny-sketch', 'manifest.json');
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), target: 'cuda' }));
    const running = await start({ MODELS_DIR: models });
    expect(running.model('tiny-sketch')).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('made for cuda'),
    });
    expect(running.defaultModel()).toBe('tiny-sketch-staged');
  });

  it('leaves no engine behind when the models folder cannot be read', async () => {
    const handles = () => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length;
    const before = handles();
    await expect(start({ MODELS_DIR: join(FIXTURES, 'tiny-sketch', 'manifest.json') })).rejects.toThrow(
      /^MODELS_DIR cannot be read: /,
    );
    expect(handles()).toBe(before);
  });
});
