/** Part `peer`: the same weights behind FastAPI, uvicorn and PyTorch, turn by turn with ours, by the same clients. */
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleUnderTest } from '../bundle-under-test.js';
import { type Measurement, measure } from '../load/measure.js';
import type { Options } from '../options.js';
import type { Context, PartResult } from '../part.js';
import type { Bar } from '../report/bars.js';
import { loadSamples, PROMPTS } from '../samples.js';
import { type ServerUnderTest, startCommand, startServer } from '../server-under-test.js';
import { median } from '../statistics.js';

const SCRIPTS = fileURLToPath(new URL('../../../../../scripts/', import.meta.url));

interface Contender {
  name: string;
  server: ServerUnderTest;
  ours: boolean;
}

interface Turn {
  name: string;
  measurement: Measurement;
}

export async function peerPart({ options, log }: Context): Promise<PartResult> {
  if (options.peer === undefined) throw new Error('the peer needs --peer-base and --peer-checkpoint');
  const bundle = await bundleUnderTest(options);
  const sending = { images: await loadSamples(bundle.manifest.size.native[0]), prompts: PROMPTS };
  const contenders: Contender[] = [];
  const turns: Turn[] = [];
  try {
    log('starting the server and its peers');
    const server = await startServer({ ...options, model: bundle.id }, { MAX_QUEUE_SIZE: '256' });
    contenders.push({ name: 'ours', server, ours: true });
    contenders.push({
      name: 'PyTorch eager',
      server: await startPeer(options, bundle.manifest, []),
      ours: false,
    });
    if (options.compile) {
      const compiled = await startPeer(options, bundle.manifest, ['--compile']);
      contenders.push({ name: 'torch.compile', server: compiled, ours: false });
    }
    for (const clients of options.clients.filter((count) => count === 1 || count === 16)) {
      for (let round = 0; round < options.rounds; round++) {
        // Whoever comes first finds the machine cooler: each does in turn.
        const first = round % contenders.length;
        for (const { name, server, ours } of [...contenders.slice(first), ...contenders.slice(0, first)]) {
          log(`${clients} clients, round ${round + 1} of ${options.rounds}: ${name}`);
          const spec = { way: 'http', clients, seconds: options.seconds, sending, ours } as const;
          turns.push({ name, measurement: await measure(server, spec) });
        }
      }
    }
  } finally {
    await Promise.all(contenders.map(({ server }) => server.close()));
  }
  const rows = options.clients.flatMap((clients) =>
    contenders.map(({ name }) => summary(turns, name, clients)),
  );
  const shown = rows.filter((row) => Number.isFinite(row.rate));
  return {
    tables: [
      {
        title: `Against the peer, ${bundle.id} (medians of ${options.rounds} turns)`,
        columns: ['server', 'clients', 'pictures/s', 'p50 ms', 'model run p50 ms', 'ours is faster by'],
        rows: shown.map((row) => [
          row.name,
          row.clients,
          row.rate,
          row.p50,
          row.inference,
          row.name === 'ours' ? undefined : `${(rateOf(shown, 'ours', row.clients) / row.rate).toFixed(2)} ×`,
        ]),
      },
    ],
    bars: barsOf(shown),
    data: turns,
  };
}

interface Row {
  name: string;
  clients: number;
  rate: number;
  p50: number;
  inference: number;
}

function summary(turns: readonly Turn[], name: string, clients: number): Row {
  const own = turns.filter((turn) => turn.name === name && turn.measurement.clients === clients);
  const of = (value: (m: Measurement) => number): number =>
    median(own.map(({ measurement }) => value(measurement)));
  return {
    name,
    clients,
    rate: of((m) => m.picturesPerSecond),
    p50: of((m) => m.latency.p50),
    inference: of((m) => m.inference.p50),
  };
}

const rateOf = (rows: readonly Row[], name: string, clients: number): number =>
  rows.find((row) => row.name === name && row.clients === clients)?.rate ?? Number.NaN;

/** Against whichever peer is the faster. */
function barsOf(rows: readonly Row[]): Bar[] {
  return [
    { clients: 16, limit: 1.5 },
    { clients: 1, limit: 1.2 },
  ].flatMap(({ clients, limit }): Bar[] => {
    const peers = rows
      .filter((row) => row.name !== 'ours' && row.clients === clients)
      .map(({ rate }) => rate);
    if (peers.length === 0) return [];
    const value = rateOf(rows, 'ours', clients) / Math.max(...peers);
    const name = `throughput over the faster peer’s at ${clients === 1 ? 'one client' : `${clients} clients`}`;
    return [{ name, value, want: 'at least', limit, unit: '×' }];
  });
}

/** The venv that `scripts/python.mjs` makes; the peer's own packages are in `scripts/bench/requirements.txt`. */
function python(): string {
  const venv = process.env.IMG2IMG_VENV || path.join(homedir(), '.cache', 'img2img-turbo-server', 'venv');
  return path.join(venv, 'bin', 'python');
}

function startPeer(
  options: Options,
  manifest: { conditioning: { kind: string }; size: { native: readonly [number, number] } },
  extra: readonly string[],
): Promise<ServerUnderTest> {
  const { base = '', checkpoint = '' } = options.peer ?? {};
  const args = ['-m', 'bench.peer.server', '--base', base, '--checkpoint', checkpoint];
  args.push('--conditioning', manifest.conditioning.kind, '--size', String(manifest.size.native[0]));
  args.push('--threads', String(options.threads), '--device', options.device, ...extra);
  return startCommand(python(), args, { cwd: SCRIPTS, readyPath: '/health/ready' });
}
