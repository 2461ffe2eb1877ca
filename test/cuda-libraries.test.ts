import { spawnSync } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../scripts/cuda-libraries.mjs', import.meta.url));
const LINKED = '\tlibm.so.6 => /lib/libm.so.6 (0x1)\n';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'img2img-cuda-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A command of that name which prints `text`. */
async function command(name: string, text: string): Promise<void> {
  await mkdir(path.join(folder, 'bin'), { recursive: true });
  const file = path.join(folder, 'bin', name);
  await writeFile(file, `#!/bin/sh\ncat <<'END'\n${text}\nEND\n`);
  await chmod(file, 0o755);
}

/** A library that the dynamic linker takes for cuDNN: some other one under its name. */
async function cudnn(): Promise<string> {
  const { sharedObjects } = process.report.getReport() as { sharedObjects: string[] };
  const some = sharedObjects.find((name) => /\/libm\.so/.test(name)) ?? '';
  const libraries = path.join(folder, 'libraries');
  await mkdir(libraries);
  await copyFile(some, path.join(libraries, 'libcudnn.so.9'));
  return libraries;
}

function check(libraries = ''): { status: number | null; said: string } {
  const { status, stderr } = spawnSync(process.execPath, [script, folder], {
    encoding: 'utf8',
    env: {
      PATH: `${path.join(folder, 'bin')}:${process.env.PATH}`,
      IMG2IMG_VENV: path.join(folder, 'venv'),
      LD_LIBRARY_PATH: libraries,
    },
  });
  return { status, said: stderr };
}

const run = (...args: string[]) => spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });

describe('the command line', () => {
  it('gives its usage instead of installing', () => {
    const { status, stdout } = run('--install', '--help');
    expect(stdout).toMatch(/^Usage: npm run cuda:install/);
    expect(status).toBe(0);
  });

  it.each([
    ['--cuda', "'--cuda'"],
    ['one two', 'There is one folder, not 2.'],
  ])('refuses %s', (words, why) => {
    const { status, stderr } = run(...words.split(' '));
    expect(stderr).toContain(why);
    expect(stderr).toContain('Usage: ');
    expect(status).toBe(2);
  });
});

const provider = (): Promise<void> => writeFile(path.join(folder, 'libonnxruntime_providers_cuda.so'), '');

describe.runIf(process.platform === 'linux' && process.arch === 'x64')(
  'the check of CUDA’s libraries',
  () => {
    it('names what is missing, cuDNN too, which the linker does not know of, and says where it is to be had', async () => {
      await provider();
      await command(
        'ldd',
        `${LINKED}\tlibcublas.so.13 => not found\n\tlibcudart.so.13 => not found\n\tlibcuda.so.1 => not found`,
      );
      const { status, said } = check();
      expect(status).toBe(1);
      expect(said).toContain('libcublas.so.13, libcudart.so.13, libcudnn.so.9 are missing');
      expect(said).toContain('libcudnn9-cuda-13');
      expect(said).not.toContain('LD_LIBRARY_PATH');
    });

    it('finds them in the exporter’s environment, where PyTorch brought them', async () => {
      await provider();
      await command('ldd', `${LINKED}\tlibcublas.so.13 => not found`);
      const nvidia = path.join(folder, 'venv', 'lib', 'python3.13', 'site-packages', 'nvidia');
      for (const file of ['cu13/lib/libcublas.so.13', 'cudnn/lib/libcudnn.so.9', 'nccl/lib/libnccl.so.2']) {
        await mkdir(path.dirname(path.join(nvidia, file)), { recursive: true });
        await writeFile(path.join(nvidia, file), '');
      }
      expect(check().said).toContain(`LD_LIBRARY_PATH=${nvidia}/cu13/lib:${nvidia}/cudnn/lib\n`);
    });

    it('is content where all are found, with a driver that is new enough or with none', async () => {
      await provider();
      await command('ldd', LINKED);
      const libraries = await cudnn();
      expect(check(libraries)).toMatchObject({ status: 0 });
      await command('nvidia-smi', '580.65.06\n580.65.06');
      expect(check(libraries)).toMatchObject({ status: 0 });
      await command('nvidia-smi', '570.124.06');
      expect(check(libraries)).toEqual({
        status: 1,
        said: expect.stringContaining('570.124.06: it needs 580'),
      });
    });

    it('says where the provider itself was never downloaded', () => {
      expect(check()).toEqual({ status: 1, said: expect.stringContaining('npm run cuda:install') });
    });
  },
);
