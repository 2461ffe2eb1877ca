/**
 * Part `peer`: the same weights behind FastAPI, uvicorn and PyTorch, turn by turn with ours, by the same clients.
 *
 * The bars are held against a peer that keeps the embeddings of prompts, as our server does. The reference's own code encodes
 * the prompt of every picture anew: what that makes of it stands beside.
 */
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Provider } from '../../../src/engine/protocol.js';
import { bundleUnderTest } from '../bundle-under-test.js';
import { settingsOf } from '../engine/ask.js';
import { type Measurement, measure } from '../load/measure.js';
import type { Options } from '../options.js';
import type { Context, PartResult } from '../part.js';
import type { Bar } from '../report/bars.js';
import type { Table } from '../report/table.js';
import { loadSamples, PROMPTS } from '../samples.js';
import { type ServerUnderTest, startCommand, startServer } from '../server-under-test.js';
import { median } from '../statistics.js';

const SCRIPTS = fileURLToPath(new URL('../../../../../scripts/', import.meta.url));

/** The names of the contenders: a table's rows, and what the bars look for. */
const OURS = 'ours';
const EAGER = 'PyTorch eager';
const COMPILED = 'torch.compile';

interface Contender {
  name: string;
  server: ServerUnderTest;
  /** Whether the prompt of every picture is encoded anew. */
  encodes: boolean;
}

interface Turn {
  name: string;
  encodes: boolean;
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
    contenders.push({ name: OURS, server, encodes: false });
    for (const name of options.compile ? [EAGER, COMPILED] : [EAGER]) {
      const peer = await startPeer(options, bundle.manifest, name === COMPILED ? ['--compile'] : []);
      contenders.push({ name, server: peer, encodes: false }, { name, server: peer, encodes: true });
    }
    for (const clients of options.clients.filter((count) => count === 1 || count === 16)) {
      for (let round = 0; round < options.rounds; round++) {
        // Whoever comes first finds the machine cooler: each does in turn.
        const first = round % contenders.length;
        for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
          const { name, server, encodes } = contender;
          log(
            `${clients} clients, round ${round + 1} of ${options.rounds}: ${name}${encodes ? ', encoding' : ''}`,
          );
          const measurement = await measure(server, {
            way: 'http',
            clients,
            seconds: options.seconds,
            sending: encodes ? { ...sending, fields: { encode: 'true' } } : sending,
            ours: name === OURS,
          });
          turns.push({ name, encodes, measurement });
        }
      }
    }
  } finally {
    await Promise.all([...new Set(contenders.map(({ server }) => server))].map((server) => server.close()));
  }
  const rows = rowsOf(turns);
  const title = `Against the peer, ${bundle.id} (medians of ${options.rounds} turns)`;
  return {
    tables: [peerTable(title, rows)],
    bars: peerBars(rows, settingsOf(options).provider),
    data: turns,
  };
}

export interface Row {
  name: string;
  clients: number;
  rate: number;
  p50: number;
  inference: number;
  /** Pictures a second where every prompt is encoded anew; absent for our server, which has no such way. */
  encodingRate?: number;
}

/** A row for each contender and number of clients, in the order they came first. */
export function rowsOf(turns: readonly Turn[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { name, measurement } of turns) {
    const { clients } = measurement;
    const key = `${clients} ${name}`;
    if (rows.has(key)) continue;
    const of = (encodes: boolean, value: (m: Measurement) => number): number =>
      median(
        turns.flatMap((turn) =>
          turn.name === name && turn.encodes === encodes && turn.measurement.clients === clients
            ? [value(turn.measurement)]
            : [],
        ),
      );
    const encodingRate = of(true, (m) => m.picturesPerSecond);
    rows.set(key, {
      name,
      clients,
      rate: of(false, (m) => m.picturesPerSecond),
      p50: of(false, (m) => m.latency.p50),
      inference: of(false, (m) => m.inference.p50),
      ...(Number.isNaN(encodingRate) ? {} : { encodingRate }),
    });
  }
  return [...rows.values()];
}

export function peerTable(title: string, rows: readonly Row[]): Table {
  const over = ({ clients }: Row, rate: number): string =>
    `${(rateOf(rows, OURS, clients) / rate).toFixed(2)} ×`;
  return {
    title,
    columns: [
      'server',
      'clients',
      'pictures/s',
      'p50 ms',
      'model run p50 ms',
      'ours is faster by',
      'pictures/s, encoding every prompt',
      'ours is faster by',
    ],
    rows: rows.map((row) => [
      row.name,
      row.clients,
      row.rate,
      row.p50,
      row.inference,
      row.name === OURS ? undefined : over(row, row.rate),
      row.encodingRate,
      row.encodingRate === undefined ? undefined : over(row, row.encodingRate),
    ]),
  };
}

const rateOf = (rows: readonly Row[], name: string, clients: number): number =>
  rows.find((row) => row.name === name && row.clients === clients)?.rate ?? Number.NaN;

/** On a CPU against whichever peer is the faster; on a GPU against `torch.compile`, where that was run. */
export function peerBars(rows: readonly Row[], provider: Provider): Bar[] {
  const wanted =
    provider === 'cuda'
      ? [
          { clients: 16, limit: 1.3 },
          { clients: 1, limit: 1.3 },
        ]
      : [
          { clients: 16, limit: 1.5 },
          { clients: 1, limit: 1.2 },
        ];
  return wanted.flatMap(({ clients, limit }): Bar[] => {
    const peers = rows.filter(
      (row) => row.clients === clients && (provider === 'cuda' ? row.name === COMPILED : row.name !== OURS),
    );
    if (peers.length === 0) return [];
    const value = rateOf(rows, OURS, clients) / Math.max(...peers.map(({ rate }) => rate));
    const whose = provider === 'cuda' ? `${COMPILED}’s` : 'the faster peer’s';
    const name = `throughput over ${whose} at ${clients === 1 ? 'one client' : `${clients} clients`}`;
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
