import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchGpuMemory } from '../../scripts/bench/gpu-memory.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'img2img-gpu-'));
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** A driver that tells of so many megabytes in use on card 1. */
async function card(megabytes: string): Promise<void> {
  const file = path.join(folder, 'nvidia-smi');
  await writeFile(file, `#!/bin/sh\ncase "$*" in *"-i 1") echo '${megabytes}' ;; *) exit 6 ;; esac\n`);
  await chmod(file, 0o755);
}

it('a card’s memory is told by what it has grown by', async () => {
  await card('450');
  const grown = watchGpuMemory({ provider: 'cuda', deviceIndex: 1 });
  await card('5450');
  expect(grown()).toBe(5_000);
  await card('[N/A]');
  expect(grown()).toBeUndefined();
});

it('there is none to tell of for an engine without a card, or where no driver answers', async () => {
  expect(watchGpuMemory({ provider: 'cpu', deviceIndex: 0 })()).toBeUndefined();
  expect(watchGpuMemory({ provider: 'cuda', deviceIndex: 0 })()).toBeUndefined();
});
