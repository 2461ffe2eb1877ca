/** The command line of `npm run bench`. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

export const PARTS = [
  'transport',
  'start',
  'load',
  'engine',
  'layouts',
  'instances',
  'server',
  'ceiling',
  'peer',
  'memory',
] as const;
export type PartName = (typeof PARTS)[number];

export interface Options {
  parts: readonly PartName[];
  quick: boolean;
  modelsDir: string;
  /** Bundle id; the server's default where absent. */
  model: string | undefined;
  /** Id of the same weights in the other layout; `<model>-staged` where absent. */
  staged: string | undefined;
  /** An entry of `DEVICES`, such as `cpu`, `cuda:0`. */
  device: string;
  /** Threads of the raw engine, of the server's engine and of PyTorch; 0: all cores. */
  threads: number;
  clients: readonly number[];
  /** Seconds of one measurement. */
  seconds: number;
  /** Turns that each side of a comparison gets. */
  rounds: number;
  /** Requests of the memory part. */
  requests: number;
  /** Weights of the peer: a base in diffusers' layout and a checkpoint. */
  peer: { base: string; checkpoint: string } | undefined;
  /** Whether the peer runs a `torch.compile` turn as well. */
  compile: boolean;
  /** ONNX Runtime session options laid over the server's own in raw runs. */
  session: Record<string, unknown>;
  /** Where the results go as JSON. */
  json: string | undefined;
}

export const HELP = `npm run bench -- [options]
  --parts LIST            of ${PARTS.join(', ')} (default: all; peer only with its weights)
  --quick                 a smoke run of a minute: small bundle, short measurements
  --models-dir DIR        default: models where it has bundles, else test/fixtures/bundles
  --model ID              default: the server's default
  --staged ID             the same weights in three graphs, for the part layouts (default: <model>-staged where there is one)
  --device NAME           cpu, cuda:0, … (default: cpu)
  --threads N             of a CPU engine and of PyTorch (default: all cores)
  --clients LIST          default: 1,4,16,64
  --seconds N             of one measurement (default: 15)
  --rounds N              turns of each side of a comparison (default: 3)
  --requests N            of the memory part (default: 10000)
  --peer-base DIR         base of the peer's weights, in diffusers' layout
  --peer-checkpoint FILE  checkpoint the bundle was exported from
  --no-compile            leaves torch.compile out
  --session JSON          session options to try in raw runs, over the server's own
  --json FILE             writes the results as JSON too`;

/** @throws TypeError naming an option that is unknown or wrong */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      parts: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'models-dir': { type: 'string' },
      model: { type: 'string' },
      staged: { type: 'string' },
      device: { type: 'string', default: 'cpu' },
      threads: { type: 'string', default: '0' },
      clients: { type: 'string' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      requests: { type: 'string' },
      'peer-base': { type: 'string' },
      'peer-checkpoint': { type: 'string' },
      'no-compile': { type: 'boolean', default: false },
      session: { type: 'string', default: '{}' },
      json: { type: 'string' },
    },
  });
  const { quick } = values;
  const base = values['peer-base'];
  const checkpoint = values['peer-checkpoint'];
  if ((base === undefined) !== (checkpoint === undefined)) {
    throw new TypeError('--peer-base and --peer-checkpoint belong together');
  }
  const peer =
    base === undefined || checkpoint === undefined
      ? undefined
      : { base: expanded(base), checkpoint: expanded(checkpoint) };
  return {
    parts: partsOf(values.parts, peer !== undefined),
    quick,
    modelsDir: expanded(values['models-dir'] ?? defaultModelsDir(quick)),
    model: values.model,
    staged: values.staged,
    device: values.device,
    threads: number('threads', values.threads, 0),
    clients: (values.clients ?? (quick ? '1,16' : '1,4,16,64'))
      .split(',')
      .map((text) => number('clients', text, 1)),
    seconds: number('seconds', values.seconds ?? (quick ? '2' : '15'), 0.1),
    rounds: number('rounds', values.rounds ?? (quick ? '1' : '3'), 1),
    requests: number('requests', values.requests ?? (quick ? '400' : '10000'), 100),
    peer,
    compile: !values['no-compile'],
    session: parseObject('session', values.session),
    json: values.json,
  };
}

function partsOf(list: string | undefined, withPeer: boolean): PartName[] {
  if (list === undefined) return PARTS.filter((part) => part !== 'peer' || withPeer);
  return list.split(',').map((name) => {
    const part = PARTS.find((known) => known === name);
    if (part === undefined) throw new TypeError(`--parts: "${name}" is none of ${PARTS.join(', ')}`);
    if (part === 'peer' && !withPeer) throw new TypeError('the peer needs --peer-base and --peer-checkpoint');
    return part;
  });
}

function parseObject(name: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {}
  throw new TypeError(`--${name}: "${text}" is no JSON object`);
}

function number(name: string, text: string, min: number): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < min)
    throw new TypeError(`--${name}: "${text}" is no number from ${min} up`);
  return value;
}

const FIXTURES = 'test/fixtures/bundles';

function defaultModelsDir(quick: boolean): string {
  if (quick || !existsSync('models')) return FIXTURES;
  const shipped = readdirSync('models').some((name) =>
    existsSync(path.join('models', name, 'manifest.json')),
  );
  return shipped ? 'models' : FIXTURES;
}

function expanded(file: string): string {
  return path.resolve(file.replace(/^~(?=\/)/, homedir()));
}
