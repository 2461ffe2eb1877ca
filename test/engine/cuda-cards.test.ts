import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  cudaEnvironment,
  listCudaCards,
  readCards,
  readSlices,
  visibleCards,
} from '../../src/engine/cuda-cards.js';
import { defaultBudget } from '../../src/engine/memory-budget.js';

const GIB = 2 ** 30;

/** What `nvidia-smi` prints on a machine of three cards, the last of them sliced. */
const CSV = `GPU-aa11-small, 8192, [N/A]
GPU-bb22-large, 81920, Disabled
GPU-bb33-sliced, 81920, Enabled
`;
const LIST = `GPU 2: NVIDIA H100 80GB HBM3 (UUID: GPU-bb33-sliced)
  MIG 1g.10gb     Device  0: (UUID: MIG-cc44)
  MIG 1c.3g.40gb  Device  1: (UUID: MIG-dd55)
`;
const listing = { cards: readCards(CSV), slices: readSlices(LIST) };

/** Gibibytes of each card that CUDA shows; 0 where that is not known. */
function shown(environment: Record<string, string>): number[] {
  const cards = visibleCards(listing, environment);
  expect(cards.map(({ index }) => index)).toEqual(cards.map((_, i) => i));
  return cards.map(({ memoryBytes = 0 }) => Math.round(memoryBytes / GIB));
}

describe('the CUDA cards', () => {
  it('are those of the driver, in its order, where nobody says otherwise; of a sliced one a part is seen', () => {
    expect(shown({})).toEqual([8, 80, 0]);
  });

  it('are those that CUDA_VISIBLE_DEVICES shows, numbered anew', () => {
    expect(shown({ CUDA_VISIBLE_DEVICES: '1' })).toEqual([80]);
    expect(shown({ CUDA_VISIBLE_DEVICES: '1, 0' })).toEqual([80, 8]);
    expect(shown({ CUDA_VISIBLE_DEVICES: 'GPU-bb22-large,GPU-aa' })).toEqual([80, 8]);
    expect(shown({ CUDA_VISIBLE_DEVICES: 'MIG-dd55' })).toEqual([37]);
  });

  it('end with the first that there is not', () => {
    for (const none of ['', '-1', '7', '-1,0', 'GPU-zz', 'GPU-bb']) {
      expect(shown({ CUDA_VISIBLE_DEVICES: none })).toEqual([]);
    }
    expect(shown({ CUDA_VISIBLE_DEVICES: '0,7,1' })).toEqual([8]);
  });

  it('are of a size not known where their name is in another form', () => {
    expect(shown({ CUDA_VISIBLE_DEVICES: 'MIG-GPU-bb33/1/0' })).toEqual([0]);
  });

  it('may be any where CUDA is told to count them by speed, unless they are named', () => {
    const bySpeed = { CUDA_DEVICE_ORDER: 'FASTEST_FIRST' };
    expect(shown(bySpeed)).toEqual([0, 0, 0]);
    expect(shown({ ...bySpeed, CUDA_VISIBLE_DEVICES: 'GPU-bb22' })).toEqual([80]);
    const cards = listing.cards.slice(0, 2);
    const [first, second] = visibleCards({ cards, slices: [] }, bySpeed);
    expect([first?.memoryBytes, second?.memoryBytes]).toEqual([8 * GIB, 8 * GIB]);
  });

  it('are counted by the engine as by the driver, unless the user says how', () => {
    expect(cudaEnvironment({ PATH: '/bin' })).toEqual({ PATH: '/bin', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
    expect(cudaEnvironment({ CUDA_DEVICE_ORDER: 'FASTEST_FIRST' }).CUDA_DEVICE_ORDER).toBe('FASTEST_FIRST');
  });
});

describe('the driver', () => {
  let folder: string | undefined;
  afterEach(async () => {
    vi.unstubAllEnvs();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  it('is asked for cards, and for slices where one is named', async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'driver-'));
    const program = path.join(folder, 'nvidia-smi');
    await writeFile(program, `#!/bin/sh\nif [ "$1" = -L ]; then echo '${LIST}'; else echo '${CSV}'; fi\n`);
    await chmod(program, 0o755);
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    expect(await listCudaCards({})).toHaveLength(3);
    expect(await listCudaCards({ CUDA_VISIBLE_DEVICES: 'MIG-cc44' })).toEqual([
      { index: 0, memoryBytes: 10e9 },
    ]);
    await rm(program);
    vi.stubEnv('PATH', folder);
    expect(await listCudaCards({})).toEqual([]);
  });
});

describe('the memory budget of a card', () => {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  const cards = visibleCards(listing, { CUDA_VISIBLE_DEVICES: '1,2' });

  it('is half of its memory', () => {
    expect(defaultBudget({ id: 'cuda:0', provider: 'cuda', index: 0 }, 0, cards, logger)).toBe(40 * GIB);
    expect(lines).toEqual([]);
  });

  it('is one that every card has where its memory is not known, and the log says so', () => {
    expect(defaultBudget({ id: 'cuda:1', provider: 'cuda', index: 1 }, 0, cards, logger)).toBe(4 * GIB);
    expect(lines).toMatchObject([{ device: 'cuda:1', msg: 'memory of the card not known' }]);
  });
});
