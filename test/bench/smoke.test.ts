import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'img2img-bench-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('npm run bench', () => {
  it('measures every part on the small bundle and writes what it found with machine and versions', async () => {
    const json = path.join(folder, 'results.json');
    const args = [
      'run',
      '--silent',
      'bench',
      '--',
      '--quick',
      '--seconds',
      '1',
      '--requests',
      '200',
      '--json',
      json,
    ];
    const { stdout } = await run('npm', args, { cwd: root });
    const results = JSON.parse(await readFile(json, 'utf8'));
    expect(results.environment).toMatchObject({ machine: { cores: os.availableParallelism() } });
    expect(results.environment.versions['onnxruntime-node']).toMatch(/^\d+\.\d+/);
    expect(results.transport).toHaveLength(8);
    expect(results.engine.limitGflops).toBeGreaterThan(1);
    expect(results.engine.results[0].gflops).toBeGreaterThan(0.01);
    expect(results.load[0].runMs[0].milliseconds).toBeGreaterThan(0);
    expect(results.layouts.map(({ layout }: { layout: string }) => layout)).toEqual(['fused', 'staged']);
    expect(results.server.map((m: { way: string; clients: number }) => [m.way, m.clients])).toEqual([
      ['http', 1],
      ['http', 16],
      ['stream', 1],
      ['stream', 16],
    ]);
    for (const measurement of results.server) {
      expect(measurement.picturesPerSecond).toBeGreaterThan(0);
      expect(measurement.server.deviceBusy).toBeGreaterThan(0);
      expect(measurement.server.deviceBusy).toBeLessThan(1.05);
    }
    // Whether a bar is met depends on what else the machine does; that each is measured does not.
    for (const bar of results.bars) expect(Number.isFinite(bar.value), bar.name).toBe(true);
    expect(stdout).toContain('### Bars');
  }, 180_000);
});
