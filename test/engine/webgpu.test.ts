/**
 * A GPU's way through the engine, where there is no GPU: WebGPU on SwiftShader, the software Vulkan that comes with Chromium.
 * It computes as a card does and takes seconds for what a card does in milliseconds. Without it these tests are skipped.
 */
import { existsSync } from 'node:fs';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bundleSpec } from '../../src/bundles/bundle-spec.js';
import type { Engine } from '../../src/engine/engine.js';
import { startEngines } from '../../src/engine/start-engines.js';
import { fixtureBundle } from '../bundle-fixtures.js';
import { batch } from './sample-batch.js';

const CHROMIUM = '/usr/lib/chromium';
/** Where the engine's process looks for Vulkan: both the loader and the driver are Chromium's, few machines without a card have others. */
const SOFTWARE_VULKAN = {
  LD_LIBRARY_PATH: CHROMIUM,
  VK_ICD_FILENAMES: `${CHROMIUM}/vk_swiftshader_icd.json`,
};
const SLOW_MS = 300_000;

function start(device: string): Promise<Engine[]> {
  return startEngines({
    devices: [device],
    cpuThreads: 0,
    cpuInstances: 1,
    embeddingCacheBytes: 1e6,
    memoryBudgetBytes: 1e9,
    startTimeoutMs: 60_000,
    requestTimeoutMs: SLOW_MS,
    logger: pino({ level: 'silent' }),
  });
}

describe.skipIf(!existsSync(SOFTWARE_VULKAN.VK_ICD_FILENAMES))('a webgpu engine', () => {
  let engines: Engine[] = [];
  beforeAll(async () => {
    for (const [name, value] of Object.entries(SOFTWARE_VULKAN)) vi.stubEnv(name, value);
    engines = [...(await start('webgpu')), ...(await start('cpu'))];
  }, SLOW_MS);
  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.close()));
    vi.unstubAllEnvs();
  });

  it(
    "draws the CPU's pictures within one grey level, in a batch that is padded",
    async () => {
      const [gpu, cpu] = engines;
      if (gpu === undefined || cpu === undefined) throw new Error('two engines were started');
      expect(gpu).toMatchObject({ id: 'webgpu:0', state: 'ready', padsBatches: true, maxInstances: 0 });
      const bundle = await fixtureBundle('tiny-sketch');
      const padded = { ...batch(bundle, [7]), runSize: 2 };
      const pictures = await Promise.all(
        [gpu, cpu].map(async (engine) => {
          await engine.load(bundleSpec(bundle, [2]));
          return (await engine.run(padded)).images;
        }),
      );
      const [drawn = new Uint8Array(), wanted = new Uint8Array()] = pictures;
      expect(drawn.length).toBe(padded.images.length);
      expect(new Set(wanted).size).toBeGreaterThan(50);
      expect(
        drawn.reduce((most, level, i) => Math.max(most, Math.abs(level - (wanted[i] ?? 0))), 0),
      ).toBeLessThanOrEqual(1);
    },
    SLOW_MS,
  );
});
