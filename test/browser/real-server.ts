/** The built server as a process of its own, on bundles of random weights: it can be killed and come back. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('../../dist/server.js', import.meta.url));
export const BUNDLES = fileURLToPath(new URL('../fixtures/bundles', import.meta.url));
const START_MS = 150_000;

export class RealServer {
  readonly #models: string;
  #process: ChildProcess | undefined;
  #port = 0;

  /** @param models the folder of its bundles; it may be empty */
  constructor(models = BUNDLES) {
    this.#models = models;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** Resolves when it is ready to translate, or has no bundle to do it with. The port is the same at every start. */
  async start(): Promise<void> {
    this.#port ||= await freePort();
    const child = spawn(process.execPath, [SERVER], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        PATH: process.env.PATH,
        HOST: '127.0.0.1',
        PORT: String(this.#port),
        MODELS_DIR: this.#models,
        ...(this.#models === BUNDLES ? { DEFAULT_MODEL: 'tiny-sketch' } : {}),
        DEVICES: 'cpu',
        CPU_THREADS: '1',
        LOG_LEVEL: 'silent',
      },
    });
    this.#process = child;
    const deadline = performance.now() + START_MS;
    while (!(await this.#ready())) {
      if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode}`);
      if (performance.now() > deadline) throw new Error('The server is not ready in time');
      await sleep(50);
    }
  }

  /** SIGKILL: no goodbyes. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async #ready(): Promise<boolean> {
    try {
      const { models } = (await (await fetch(new URL('v1/models', this.url))).json()) as {
        models: unknown[];
      };
      return models.length === 0 || (await fetch(new URL('health/ready', this.url))).ok;
    } catch {
      return false;
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
