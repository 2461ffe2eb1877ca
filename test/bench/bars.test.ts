import { describe, expect, it } from 'vitest';
import type { Measurement } from '../../scripts/bench/load/measure.js';
import { type BundleResult, engineBars, operatorTable } from '../../scripts/bench/parts/engine.js';
import { layoutTable } from '../../scripts/bench/parts/layouts.js';
import { loadTables } from '../../scripts/bench/parts/load.js';
import { peerBars, peerTable, rowsOf } from '../../scripts/bench/parts/peer.js';
import { serverBars } from '../../scripts/bench/parts/server.js';
import { startBars } from '../../scripts/bench/parts/start.js';
import { type Bar, passes } from '../../scripts/bench/report/bars.js';
import { summarise } from '../../scripts/bench/statistics.js';

function measured(clients: number, milliseconds: number, picturesPerSecond: number): Measurement {
  const times = summarise([milliseconds]);
  const server = { deviceBusy: 0.5, loopP99: 30 } as NonNullable<Measurement['server']>;
  return {
    way: 'http',
    clients,
    picturesPerSecond,
    latency: times,
    overhead: times,
    inference: times,
    queue: times,
    decode: times,
    encode: times,
    server,
  };
}

const verdicts = (bars: readonly Bar[]) => Object.fromEntries(bars.map((bar) => [bar.name, passes(bar)]));

describe('the bars', () => {
  it('of the server are the device’s: what is wanted of a small bundle on a CPU says nothing of a GPU', () => {
    const measurements = [measured(1, 20, 40), measured(16, 100, 70)];
    expect(verdicts(serverBars(measurements, 'cuda'))).toEqual({
      'inference at one client, p50': true,
      'throughput at 16 clients': true,
    });
    expect(verdicts(serverBars(measurements, 'cpu'))).toEqual({
      'overhead at one client, p50': false,
      'device busy at 16 clients': false,
      'event-loop delay at 16 clients, p99': false,
    });
    expect(serverBars(measurements, 'webgpu')).toEqual([]);
    expect(serverBars([measured(4, 20, 40)], 'cuda')).toEqual([]);
  });

  it('of a start hold on a CPU', () => {
    expect(verdicts(startBars(1_700, 'cpu'))).toEqual({ 'process start to ready': true });
    expect(startBars(60_000, 'cuda')).toEqual([]);
  });

  it('of raw runs are those of a GPU in fp16; a size that was not run is missed', () => {
    const result = (precision: string, ...timings: [number, number][]): BundleResult => ({
      bundle: 'large',
      layout: 'fused',
      precision,
      loadMs: 0,
      memoryMB: 0,
      gpuMB: 0,
      gflops: 0,
      operators: [],
      timings: timings.map(([batchSize, milliseconds]) => ({ batchSize, milliseconds, runs: 3 })),
    });
    expect(verdicts(engineBars(result('fp16', [1, 24], [8, 130]), 'cuda'))).toEqual({
      'raw run of one picture': true,
      'raw runs at batch 8': true,
    });
    expect(verdicts(engineBars(result('fp16', [1, 26]), 'cuda'))).toEqual({
      'raw run of one picture': false,
      'raw runs at batch 8': false,
    });
    expect(engineBars(result('fp32', [1, 24]), 'cuda')).toEqual([]);
    expect(engineBars(result('fp16', [1, 24]), 'cpu')).toEqual([]);
  });
});

describe('the peer', () => {
  const turn = (name: string, encodes: boolean, clients: number, rate: number) => ({
    name,
    encodes,
    measurement: measured(clients, 1000 / rate, rate),
  });
  const rows = rowsOf([
    turn('ours', false, 1, 30),
    turn('PyTorch eager', false, 1, 24),
    turn('PyTorch eager', true, 1, 10),
    turn('torch.compile', false, 1, 20),
    turn('torch.compile', false, 1, 22),
    turn('torch.compile', true, 1, 15),
    turn('ours', false, 16, 60),
    turn('torch.compile', false, 16, 50),
  ]);

  it('is shown with kept embeddings, and as the reference does it beside', () => {
    expect(
      peerTable('T', rows).rows.map(([name, , rate, , , by, encoding, alsoBy]) => [
        name,
        rate,
        by,
        encoding,
        alsoBy,
      ]),
    ).toEqual([
      ['ours', 30, undefined, undefined, undefined],
      ['PyTorch eager', 24, '1.25 ×', 10, '3.00 ×'],
      ['torch.compile', 21, '1.43 ×', 15, '2.00 ×'],
      ['ours', 60, undefined, undefined, undefined],
      ['torch.compile', 50, '1.20 ×', undefined, undefined],
    ]);
  });

  it('is judged with kept embeddings: on a GPU torch.compile alone, on a CPU the faster one', () => {
    expect(peerBars(rows, 'cuda').map(({ name, value, limit }) => [name, value, limit])).toEqual([
      ['throughput over torch.compile’s at 16 clients', 1.2, 1.3],
      ['throughput over torch.compile’s at one client', 30 / 21, 1.3],
    ]);
    expect(peerBars(rows, 'cpu').map(({ value, limit }) => [value, limit])).toEqual([
      [1.2, 1.5],
      [1.25, 1.2],
    ]);
    expect(
      peerBars(
        rows.filter(({ name }) => name !== 'torch.compile'),
        'cuda',
      ),
    ).toEqual([]);
  });
});

describe('the tables', () => {
  it('of a GPU’s operators leave out the profiler’s times, which are those of the host', () => {
    const operators = [
      { operator: 'Transpose', count: 8, milliseconds: 90, flops: 0 },
      { operator: 'NhwcConv', count: 75, milliseconds: 10, flops: 4e12 },
    ];
    const table = operatorTable({ bundle: 'large', operators }, 'cuda', 1);
    expect(table.columns).toEqual(['operator', 'nodes', 'GFLOP']);
    expect(table.rows).toEqual([
      ['NhwcConv', 75, 4000],
      ['Transpose', 8, undefined],
    ]);
    expect(operatorTable({ bundle: 'large', operators }, 'cpu', 1e12).rows[0]).toEqual([
      'Transpose',
      8,
      90,
      90,
      undefined,
      undefined,
    ]);
  });

  it('of layouts and loads are medians of their turns, with the card’s memory where there is a card', () => {
    const turns = [20, 30, 40].flatMap((milliseconds) =>
      ['fused', 'staged'].map((layout) => ({
        layout,
        answer: {
          memory: 2 ** 20,
          loadMs: 7,
          ...(layout === 'fused' ? { gpuMemory: 5_000 } : {}),
          timings: [{ batchSize: 4, milliseconds: milliseconds * (layout === 'fused' ? 1 : 2), runs: 3 }],
        },
      })),
    );
    expect(layoutTable('T', turns, [4]).rows).toEqual([
      ['fused', 7.5, 7, 1, 5_000],
      ['staged', 15, 7, 1, Number.NaN],
    ]);
    const load = (warmUpMs: number) => ({
      loadMs: 100,
      warmUpMs,
      runMs: [{ batchSize: 1, milliseconds: warmUpMs / 10 }],
      memoryMB: 50,
      gpuMB: undefined,
    });
    const [whole, sizes] = loadTables('T', [load(200), load(400), load(300)]);
    expect(whole?.rows).toEqual([[100, 300, 50, Number.NaN]]);
    expect(sizes?.rows).toEqual([[1, 30]]);
  });
});
