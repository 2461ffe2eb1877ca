/** The built server as a process of its own, the way `npm start` runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { FIXTURES } from '../bundle-fixtures.js';

const ENTRY = fileURLToPath(new URL('../../dist/server.js', import.meta.url));

export type LogLine = Record<string, unknown> & { msg?: string };

export interface ServerProcess {
  url: string;
  process: ChildProcess;
  /** Every log line so far. */
  log: LogLine[];
  /** Resolves with the exit code. */
  exited: Promise<number | null>;
  /** PIDs of the engine processes that live now, the newest last. */
  enginePids(): number[];
  stop(): Promise<void>;
}

/** Starts a server on a free port and waits until it is ready. */
export async function startServer(settings: Record<string, string> = {}): Promise<ServerProcess> {
  const child = spawn(process.execPath, [ENTRY], {
    env: {
      ...process.env,
      MODELS_DIR: FIXTURES,
      HOST: '127.0.0.1',
      PORT: '0',
      LOG_LEVEL: 'info',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const log: LogLine[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => log.push(JSON.parse(line) as LogLine));
  let complaint = '';
  const url = await Promise.race([
    new Promise<string>((resolve) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        complaint += `${line}\n`;
        const [, found] = /listens on (\S+)/.exec(line) ?? [];
        if (found !== undefined) resolve(found);
      });
    }),
    exited.then((code) => Promise.reject(new Error(`the server ended with code ${code}: ${complaint}`))),
  ]);
  await until(async () => (await fetch(`${url}/health/ready`)).ok, 20_000);
  return {
    url,
    process: child,
    log,
    exited,
    enginePids: () => log.filter(({ msg }) => msg === 'engine ready').map(({ pid }) => Number(pid)),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}

export async function until(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not so within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The value of one metric, all its labels added up; 0 where it has none yet. */
export async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
