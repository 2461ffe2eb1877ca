/** What a result must carry along to be worth anything later: machine, versions, commit, date. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';

export interface Environment {
  date: string;
  commit: string;
  machine: { cpu: string; cores: number; memoryGiB: number; os: string; load: number };
  gpu?: string;
  versions: Record<string, string>;
}

const require = createRequire(import.meta.url);

export function describeEnvironment(): Environment {
  const gpu = attempt('nvidia-smi', ['--query-gpu=name,driver_version', '--format=csv,noheader']);
  return {
    date: new Date().toISOString(),
    commit: commit(),
    machine: {
      cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
      cores: os.availableParallelism(),
      memoryGiB: Math.round(os.totalmem() / 2 ** 30),
      os: `${os.type()} ${os.release()}`,
      // What else the machine was doing: the mean of runnable threads over the last minute.
      load: Math.round((os.loadavg()[0] ?? 0) * 100) / 100,
    },
    ...(gpu === undefined ? {} : { gpu }),
    versions: {
      node: process.versions.node,
      'onnxruntime-node': versionOf('onnxruntime-node'),
      sharp: versionOf('sharp'),
      fastify: versionOf('fastify'),
    },
  };
}

function commit(): string {
  const hash = attempt('git', ['rev-parse', '--short', 'HEAD']) ?? 'unknown';
  const changed = attempt('git', [
    'status',
    '--porcelain',
    '--untracked-files=no',
    '--',
    'src',
    'scripts/bench',
  ]);
  return changed === undefined || changed === '' ? hash : `${hash} with changes`;
}

function versionOf(name: string): string {
  try {
    // Not every package exports its package.json, so it is found from the package's entry upwards.
    const entry = require.resolve(name);
    const root = entry.slice(
      0,
      entry.lastIndexOf(`/node_modules/${name}/`) + `/node_modules/${name}/`.length,
    );
    const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };
    return version;
  } catch {
    return 'unknown';
  }
}

function attempt(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
