import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { sketch, translate } from './pictures.js';
import { metric, type ServerProcess, startServer, until } from './server-process.js';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

let server: ServerProcess | undefined;
afterEach(() => server?.stop());

/** Whether a process is still there. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('SIGTERM under load', () => {
  it('answers every accepted request and ends with code 0, its engines with it', async () => {
    const running = await startServer();
    server = running;
    const { url } = running;
    const images = await Promise.all(Array.from({ length: 32 }, (_, i) => sketch(i)));
    // At this size 32 of them keep the engine long enough: they are still there when somebody looks.
    const requests = images.map((image, i) =>
      translate(url, image, { prompt: 'duck', seed: i, size: '128x128' }),
    );
    await until(async () => (await metric(url, 'img2img_admitted_pictures')) >= 16, 5_000);
    running.process.kill('SIGTERM');
    const answers = await Promise.all(
      requests.map(async (request) => {
        const answer = await request;
        const body = await answer.arrayBuffer();
        return { status: answer.status, length: body.byteLength };
      }),
    );
    // One that had not reached the server yet may be told that it is shutting down; none is cut off.
    expect(answers.every(({ status, length }) => (status === 200 || status === 503) && length > 0)).toBe(
      true,
    );
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(16);
    expect(await running.exited).toBe(0);
    expect(running.enginePids().filter(lives)).toEqual([]);
  });

  it('ends the engines even when the server itself is killed', async () => {
    const running = await startServer();
    server = running;
    const pids = running.enginePids();
    running.process.kill('SIGKILL');
    await running.exited;
    await until(() => !pids.some(lives), 5_000);
  });
});

/** Whether a process has started another: the server its engine, which takes a while to be ready. */
function hasChildren(pid?: number): boolean {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8') !== '';
}

describe.runIf(process.platform === 'linux')('SIGTERM before there is a server', () => {
  /** More than a pipe holds: it is drained once somebody reads. */
  const SOME = Buffer.alloc(2 ** 20);

  it.each([
    {
      command: 'serve',
      parameters: [],
      at: ({ pid }: ChildProcess) => until(() => hasChildren(pid), 10_000),
    },
    {
      command: 'translate',
      parameters: ['-', '-o', '-'],
      at: (child: ChildProcess) => once(child.stdin as Writable, 'drain'),
    },
  ])('ends $command at once, by a listener that works for a process 1 too', async (run) => {
    const child = spawn(process.execPath, [CLI, run.command, ...run.parameters], {
      env: { ...process.env, PORT: '0' },
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    const exited = once(child, 'exit');
    // What is left of it when the process ends has nowhere to go.
    child.stdin.on('error', () => {});
    child.stdin.write(SOME);
    await run.at(child);
    child.kill('SIGTERM');
    expect(await exited).toEqual([128 + constants.signals.SIGTERM, null]);
    expect(said).toBe('');
  });
});
