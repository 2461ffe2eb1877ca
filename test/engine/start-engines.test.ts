/** Which devices `auto` takes, over engines that start when the test says so. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { startEngines } from '../../src/engine/start-engines.js';
import { SupervisedEngine } from '../../src/engine/supervised-engine.js';

vi.mock('../../src/engine/cuda-cards.js', () => ({
  listCudaCards: async () => [{ index: 0 }, { index: 1 }],
}));

/** Starts under way by device. */
const starts = new Map<string, { up(): void; fail(reason: string): void }>();
beforeEach(() => {
  starts.clear();
  vi.spyOn(SupervisedEngine, 'start').mockImplementation(({ id }) => {
    return new Promise((resolve, reject) => {
      starts.set(id, {
        up: () => resolve({ id } as SupervisedEngine),
        fail: (reason) => reject(new Error(reason)),
      });
    });
  });
});
afterEach(() => void vi.restoreAllMocks());

const warnings: unknown[] = [];
function startAuto(): Promise<Engine[]> {
  warnings.length = 0;
  return startEngines({
    devices: ['auto'],
    cpuThreads: 1,
    cpuInstances: 0,
    embeddingCacheBytes: 1e6,
    memoryBudgetBytes: 1e9,
    startTimeoutMs: 20_000,
    requestTimeoutMs: 20_000,
    logger: pino({ level: 'warn', base: null }, { write: (line: string) => warnings.push(JSON.parse(line)) }),
  });
}

describe('auto', () => {
  it('starts the cards side by side, and gives them in their order', async () => {
    const engines = startAuto();
    await vi.waitUntil(() => starts.size === 2);
    starts.get('cuda:1')?.up();
    starts.get('cuda:0')?.up();
    expect((await engines).map(({ id }) => id)).toEqual(['cuda:0', 'cuda:1']);
  });

  it('leaves out a card that does not start, and says why', async () => {
    const engines = startAuto();
    await vi.waitUntil(() => starts.size === 2);
    starts.get('cuda:0')?.fail('no cuDNN');
    starts.get('cuda:1')?.up();
    expect((await engines).map(({ id }) => id)).toEqual(['cuda:1']);
    expect(warnings).toMatchObject([{ device: 'cuda:0', reason: 'no cuDNN' }]);
  });

  it('says what to do where the libraries of CUDA are missing', async () => {
    const engines = startAuto();
    await vi.waitUntil(() => starts.size === 2);
    starts
      .get('cuda:0')
      ?.fail('OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library');
    starts.get('cuda:1')?.fail('CUDA failure 2: out of memory');
    await vi.waitUntil(() => starts.has('cpu:0'));
    starts.get('cpu:0')?.up();
    await engines;
    expect(warnings).toMatchObject([
      { reason: expect.stringMatching(/load shared library\. Run `npm run cuda:install`/) },
      { reason: 'CUDA failure 2: out of memory' },
    ]);
  });

  it('takes the CPU where none does', async () => {
    const engines = startAuto();
    await vi.waitUntil(() => starts.size === 2);
    for (const start of starts.values()) start.fail('no cuDNN');
    await vi.waitUntil(() => starts.has('cpu:0'));
    starts.get('cpu:0')?.up();
    expect((await engines).map(({ id }) => id)).toEqual(['cpu:0']);
  });
});
