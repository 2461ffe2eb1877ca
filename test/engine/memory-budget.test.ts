/** What a device may hold where no setting says; of CUDA cards see cuda-cards.test.ts. */
import os from 'node:os';
import { pino } from 'pino';
import { afterEach, expect, it, vi } from 'vitest';
import { defaultBudget } from '../../src/engine/memory-budget.js';

const GIB = 2 ** 30;
afterEach(() => void vi.restoreAllMocks());

function budget(provider: 'cpu' | 'webgpu', machineGib: number, cpuEngines: number) {
  vi.spyOn(os, 'totalmem').mockReturnValue(machineGib * GIB);
  vi.spyOn(process, 'constrainedMemory').mockReturnValue(0);
  const warnings: string[] = [];
  const logger = pino({ base: null }, { write: (line: string) => warnings.push(JSON.parse(line).setting) });
  const device = { id: `${provider}:0`, provider, index: 0 };
  return { gib: defaultBudget(device, cpuEngines, [], logger) / GIB, warnings };
}

it('is half of the machine for its CPU engines together', () => {
  expect(budget('cpu', 64, 1)).toEqual({ gib: 32, warnings: [] });
  expect(budget('cpu', 64, 2)).toEqual({ gib: 16, warnings: [] });
});

it('is a small card’s for WebGPU, which does not tell, and of a small machine no more than half', () => {
  expect(budget('webgpu', 64, 0)).toEqual({ gib: 4, warnings: ['MEMORY_BUDGET_MB'] });
  expect(budget('webgpu', 6, 1)).toEqual({ gib: 3, warnings: ['MEMORY_BUDGET_MB'] });
});
