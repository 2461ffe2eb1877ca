import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { translateCommand } from '../../src/cli/translate.js';
import { LocalService } from '../../src/local-service.js';
import { FIXTURES } from '../bundle-fixtures.js';
import { sketch } from '../end-to-end/pictures.js';

const ENTRY = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'cli-'));
  await writeFile(path.join(folder, 'in.png'), await sketch(1));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { ...process.env, MODELS_DIR: FIXTURES } };
    execFile(process.execPath, [ENTRY, ...args], options, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });
}

describe('img2img-turbo-server translate', () => {
  it('makes a picture of the type its file name says, and tells what it did', async () => {
    const { code, err } = await run(
      'translate',
      'in.png',
      '--prompt',
      'duck',
      '--seed',
      '7',
      '-o',
      'out.webp',
    );
    expect(err).toMatch(/loading tiny-sketch/);
    expect(err).toMatch(/out\.webp: 64×64 by tiny-sketch on cpu:0, seed 7, \d+ ms inference/);
    expect(code).toBe(0);
    const { format, width } = await sharp(await readFile(path.join(folder, 'out.webp'))).metadata();
    expect({ format, width }).toEqual({ format: 'webp', width: 64 });
  });

  it('numbers the files of several variations', async () => {
    const { code } = await run('translate', 'in.png', '--n', '2', '-q', '-o', 'many.png');
    expect(code).toBe(0);
    const [one, two] = await Promise.all(
      ['many-1.png', 'many-2.png'].map((name) => readFile(path.join(folder, name))),
    );
    expect(one && two && Buffer.compare(one, two)).not.toBe(0);
  });

  it.each([
    [['translate', 'in.png'], 2, /Say where the picture goes/],
    [['translate', '-o', 'out.png'], 2, /Say exactly one IMAGE/],
    [['translate', 'in.png', '-o', '-', '--n', '2'], 2, /Standard output takes one picture/],
    [['translate', 'in.png', '-o', 'out.tiff'], 2, /must end in one of .png/],
    [
      ['translate', 'in.png', '-o', 'out.png', '--gamma', '7'],
      2,
      /^--gamma must be a number from 0 to 1, not 7\n/,
    ],
    [
      ['translate', 'in.png', '-o', 'out.png', '--seed', 'abc'],
      2,
      /^--seed must be an integer from .*, not "abc"\n/,
    ],
    [
      ['translate', 'in.png', '-o', 'out.png', '--low-threshold', '-5'],
      2,
      /^--low-threshold must be .*, not -5\n/,
    ],
    [['translate', 'in.png', '-o', 'out.png', '--colour', 'red'], 2, /--colour/],
    [['translate', 'nowhere.png', '-o', 'out.png'], 1, /nowhere\.png/],
    [['translate', 'in.png', '-o', 'out.png', '--model', 'dragon'], 1, /no model "dragon".*tiny-sketch/],
    [['translate', 'in.png', '-o', 'no/such/folder.png'], 1, /no such file/i],
    [['paint'], 2, /no command "paint"/],
  ])('%j ends with code %i and says why', async (args, expected, message) => {
    const { code, err } = await run(...args);
    expect(err).toMatch(message);
    expect(code).toBe(expected);
  });

  it.each([
    ['no/such/folder.png', /no such file.*no\/such/i],
    ['in.png/folder.png', /not a directory.*in\.png/i],
  ])('says that %s can have no picture before it starts an engine', async (output, message) => {
    const { code, err } = await run('translate', 'in.png', '-o', output);
    expect(err).toMatch(message);
    expect(err).not.toContain('starting the engine');
    expect(code).toBe(1);
  });

  it.each([
    ['empty.png', '', 'an empty file'],
    ['notes.txt', 'a duck', 'text'],
    ['cut.webp', 'RIFF\x10\0\0\0WEBP', 'cut off or damaged'],
  ])('says what %s is before it starts an engine', async (name, content, message) => {
    await writeFile(path.join(folder, name), content, 'latin1');
    const { code, err } = await run('translate', name, '-o', 'out.png');
    expect(err).toContain(message);
    expect(err).not.toContain('starting the engine');
    expect(code).toBe(1);
  });

  // Root may write everywhere.
  it.runIf(process.getuid?.() !== 0)('says that a folder may not be written before it starts', async () => {
    await mkdir(path.join(folder, 'closed'), { mode: 0o555 });
    const { code, err } = await run('translate', 'in.png', '-o', 'closed/out.png');
    expect(err).toMatch(/permission denied.*closed/);
    expect(err).not.toContain('starting the engine');
    expect(code).toBe(1);
  });

  it('reads from standard input and writes to standard output', async () => {
    const command = `"${process.execPath}" "${ENTRY}" translate - -q --prompt duck --seed 7 -o - < in.png > piped.png`;
    const env = { ...process.env, MODELS_DIR: FIXTURES };
    await promisify(execFile)('sh', ['-c', command], { cwd: folder, env });
    const piped = await readFile(path.join(folder, 'piped.png'));
    expect(await sharp(piped).metadata()).toMatchObject({ format: 'png', width: 64 });
  });

  it.each([
    ['the picture', 'translate in.png -q -o -'],
    ['the usage', 'translate --help'],
    ['the version', '--version'],
  ])('ends without a word where nobody reads %s', async (_what, args) => {
    // The reader is gone before anything is written.
    const command = `{ sleep 1; "${process.execPath}" "${ENTRY}" ${args}; echo $? > code; } 2> err | true; cat code err`;
    const env = { ...process.env, MODELS_DIR: FIXTURES };
    const { stdout } = await promisify(execFile)('bash', ['-c', command], { cwd: folder, env });
    expect(stdout).toBe('0\n');
  });

  it('makes the picture although nobody reads how it goes', async () => {
    const command = `{ sleep 1; "${process.execPath}" "${ENTRY}" translate in.png -o unread.png; } 2>&1 | true`;
    const env = { ...process.env, MODELS_DIR: FIXTURES };
    await promisify(execFile)('bash', ['-c', command], { cwd: folder, env });
    expect(await sharp(path.join(folder, 'unread.png')).metadata()).toMatchObject({ width: 64 });
  });

  // Linux has such a disk.
  it.runIf(process.platform === 'linux')('says that the disk is full', async () => {
    for (const args of ['--version', 'translate in.png -q -o -']) {
      const command = `"${process.execPath}" "${ENTRY}" ${args} > /dev/full`;
      const env = { ...process.env, MODELS_DIR: FIXTURES };
      await expect(promisify(execFile)('bash', ['-c', command], { cwd: folder, env })).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^ENOSPC: .*\n$/),
      });
    }
  });

  it('loads the model on one of several devices', async () => {
    vi.stubEnv('MODELS_DIR', FIXTURES);
    vi.stubEnv('DEVICES', 'cpu,cpu');
    const load = vi.spyOn(LocalService.prototype, 'load');
    const output = path.join(folder, 'one.png');
    expect(await translateCommand([path.join(folder, 'in.png'), '-q', '-o', output])).toBe(0);
    expect(load.mock.calls).toEqual([['tiny-sketch', 'cpu:0']]);
  });

  it('takes a negative seed', async () => {
    const { code, err } = await run('translate', 'in.png', '-o', 'out.png', '--seed', '-5');
    expect(err).toContain('seed -5,');
    expect(code).toBe(0);
  });

  it('tells its version', async () => {
    expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
