/** A server as a process of its own: ours as `npm start` runs it, or a peer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Options } from './options.js';
import { childrenOf, type ProcessUse, useOf } from './processes.js';
import { parseMetrics, type Reading } from './prometheus.js';

const ENTRY = fileURLToPath(new URL('../../../server.js', import.meta.url));

export class ServerUnderTest {
  readonly origin: string;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, origin: string) {
    this.#child = child;
    this.origin = origin;
  }

  /** Memory and CPU time of the server's own process and of its engines. */
  use(): { server: ProcessUse; engines: ProcessUse } {
    const pid = this.#child.pid ?? 0;
    const engines = childrenOf(pid).map(useOf);
    const add = (key: keyof ProcessUse): number => engines.reduce((sum, use) => sum + use[key], 0);
    return { server: useOf(pid), engines: { memory: add('memory'), cpu: add('cpu') } };
  }

  async metrics(): Promise<Reading> {
    return parseMetrics(await (await fetch(`${this.origin}/metrics`)).text());
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }
}

/**
 * Runs a command that says `listens on URL` on its error stream, and waits until that URL answers `readyPath`.
 * @throws Error with what the command said when it ends first
 */
export async function startCommand(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; readyPath: string },
): Promise<ServerUnderTest> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let said = '';
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${command} ended with code ${code}: ${said.slice(-2_000)}`);
  });
  ended.catch(() => undefined);
  const listening = new Promise<string>((resolve) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      said += `${line}\n`;
      const [, origin] = /listens on (http:\S+)/.exec(line) ?? [];
      if (origin !== undefined) resolve(origin);
    });
  });
  const origin = await Promise.race([listening, ended]);
  const ready = async (): Promise<void> => {
    while (
      !(await fetch(`${origin}${options.readyPath}`).then(
        ({ ok }) => ok,
        () => false,
      ))
    )
      await sleep(5);
  };
  await Promise.race([ready(), ended]);
  return new ServerUnderTest(child, origin);
}

/** Our server on a free port, with the bundle under test loaded. */
export function startServer(
  options: Options,
  settings: Record<string, string> = {},
): Promise<ServerUnderTest> {
  return startCommand(process.execPath, [...extraNodeArguments(), ENTRY], {
    readyPath: '/health/ready',
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      MODELS_DIR: options.modelsDir,
      DEVICES: options.device,
      CPU_THREADS: String(options.threads),
      LOG_LEVEL: 'warn',
      ...(options.model === undefined ? {} : { DEFAULT_MODEL: options.model }),
      ...settings,
    },
  });
}

/** `BENCH_NODE_ARGS="--cpu-prof"`, for example, profiles the server while it is measured. */
function extraNodeArguments(): string[] {
  return (process.env.BENCH_NODE_ARGS ?? '').split(' ').filter(Boolean);
}
