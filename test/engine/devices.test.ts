import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { engineSettings, parseDevices, threadsOf } from '../../src/engine/devices.js';
import type { EngineSettings } from '../../src/engine/protocol.js';
import { startEngines } from '../../src/engine/start-engines.js';

const logger = pino({ level: 'silent' });

function start(devices: string[]) {
  return startEngines({
    devices,
    cpuThreads: 1,
    cpuInstances: 0,
    embeddingCacheBytes: 1e6,
    memoryBudgetBytes: 0,
    startTimeoutMs: 20_000,
    requestTimeoutMs: 20_000,
    logger,
  });
}

describe('DEVICES', () => {
  it('counts entries without an index up', () => {
    expect(parseDevices(['cpu', 'cpu', 'cuda:3']).map(({ id }) => id)).toEqual(['cpu:0', 'cpu:1', 'cuda:3']);
  });

  it('refuses what is no device, naming it and what is', () => {
    expect(() => parseDevices(['gpu'])).toThrow(/"gpu" is no device.*cuda\[:index\]/);
  });

  it('refuses a device that stands twice', () => {
    expect(() => parseDevices(['cuda:0', 'cuda:0'])).toThrow(/cuda:0.*twice/);
  });

  it.each([['webgpu:1'], ['webgpu', 'webgpu']])(
    'refuses a card that WebGPU cannot choose (%s)',
    (...entries) => {
      expect(() => parseDevices(entries)).toThrow(/"webgpu:1" cannot be had: .*webgpu:0/);
      expect(parseDevices(['webgpu', 'cpu']).map(({ id }) => id)).toEqual(['webgpu:0', 'cpu:0']);
    },
  );

  it('shares the threads of a CPU among its instances, all of them', () => {
    const settings = (cpuThreads: number, cpuInstances: number, provider: 'cpu' | 'cuda' = 'cpu') =>
      engineSettings(
        { id: `${provider}:0`, provider, index: 0 },
        { cpuThreads, cpuInstances, cpuEngines: 1, embeddingCacheBytes: 0 },
      );
    const threads = (of: EngineSettings) =>
      Array.from({ length: of.instances + 1 }, (_, instance) => threadsOf(of, instance));
    expect(threads(settings(2, 0))).toEqual([2, 1, 1]);
    expect(threads(settings(7, 0))).toEqual([7, 2, 2, 2, 1]);
    expect(threads(settings(16, 3))).toEqual([16, 6, 5, 5]);
    expect(settings(2, 8).instances).toBe(2);
    expect(settings(1, 0).instances).toBe(1);
    expect(settings(8, 1).instances).toBe(1);
    expect(settings(8, 0, 'cuda').instances).toBe(1);
  });

  it('pads batches on a GPU only', () => {
    const options = { cpuThreads: 0, cpuInstances: 0, cpuEngines: 2, embeddingCacheBytes: 0 };
    expect(engineSettings({ id: 'cpu:0', provider: 'cpu', index: 0 }, options).padToPreferred).toBe(false);
    expect(engineSettings({ id: 'cuda:0', provider: 'cuda', index: 0 }, options).padToPreferred).toBe(true);
  });
});

describe('starting engines', () => {
  it('auto takes the CPU where there is no GPU', async () => {
    const engines = await start(['auto']);
    expect(engines.map(({ id, state }) => ({ id, state }))).toEqual([{ id: 'cpu:0', state: 'ready' }]);
    await Promise.all(engines.map((engine) => engine.close()));
  });

  it('a device named by hand that cannot be had stops the start, with the reason', async () => {
    await expect(start(['cpu', 'cuda:0'])).rejects.toThrow(/DEVICES names cuda:0, which cannot be had: .+/);
  });
});
