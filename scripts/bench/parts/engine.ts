/** Part `engine`: raw runs of every bundle, back to back: milliseconds a picture, and how far from the arithmetic limit. */
import type { Bundle } from '../../../src/bundles/bundle.js';
import { bundleSpec } from '../../../src/bundles/bundle-spec.js';
import type { Provider } from '../../../src/engine/protocol.js';
import { allBundles, bundleUnderTest } from '../bundle-under-test.js';
import { askEngine, settingsOf } from '../engine/ask.js';
import type { BatchTiming, EngineAnswer } from '../engine/child.js';
import type { OperatorCost } from '../engine/profile.js';
import type { Context, PartResult } from '../part.js';
import type { Bar } from '../report/bars.js';
import type { Table } from '../report/table.js';

const GIGA = 1e9;
/** Rows of the operator table: the rest is less than the noise. */
const OPERATORS_SHOWN = 12;

export interface BundleResult {
  bundle: string;
  layout: string;
  precision: string;
  loadMs: number;
  memoryMB: number;
  gpuMB: number | undefined;
  gflops: number;
  timings: BatchTiming[];
  operators: OperatorCost[];
}

export async function enginePart({ options, log }: Context): Promise<PartResult> {
  const settings = settingsOf(options);
  const underTest = await bundleUnderTest(options);
  const bundles = options.quick ? [underTest] : await allBundles(options);
  const half = settings.provider !== 'cpu';
  log(`arithmetic limit of ${options.device}`);
  const { limit = Number.NaN } = await askEngine({ type: 'limit', settings, half });
  const batchSizes = options.quick ? [1, 2] : [1, 2, 4, 8];
  const results: BundleResult[] = [];
  for (const bundle of bundles) {
    const spec = bundleSpec(bundle, batchSizes);
    log(`raw runs of ${bundle.id}`);
    const timed = await askEngine({
      type: 'time',
      settings,
      spec,
      batchSizes,
      seconds: options.seconds / 3,
      changes: options.session,
    });
    const profiled = await askEngine({ type: 'profile', settings, spec });
    results.push(resultOf(bundle, timed, profiled.operators ?? []));
  }
  const own = results.find(({ bundle }) => bundle === underTest.id);
  return {
    tables: [
      runTable(results, limit, options.device),
      ...(own === undefined ? [] : [operatorTable(own, settings.provider, limit)]),
    ],
    bars: own === undefined ? [] : engineBars(own, settings.provider),
    data: { limitGflops: limit / GIGA, results },
  };
}

function resultOf(bundle: Bundle, timed: EngineAnswer, operators: OperatorCost[]): BundleResult {
  const { layout, precision } = bundle.manifest;
  const gflops = operators.reduce((sum, { flops }) => sum + flops, 0) / GIGA;
  return {
    bundle: bundle.id,
    layout,
    precision,
    loadMs: timed.loadMs ?? Number.NaN,
    memoryMB: timed.memory / 2 ** 20,
    gpuMB: timed.gpuMemory,
    gflops,
    timings: timed.timings ?? [],
    operators,
  };
}

/** What is wanted of a GPU, with the full-size model in fp16; a CPU’s bars are those of the server on it. */
export function engineBars({ precision, timings }: BundleResult, provider: Provider): Bar[] {
  if (provider !== 'cuda' || precision !== 'fp16') return [];
  const of = (batchSize: number): number =>
    timings.find((timing) => timing.batchSize === batchSize)?.milliseconds ?? Number.NaN;
  return [
    { name: 'raw run of one picture', value: of(1), want: 'at most', limit: 25, unit: 'ms' },
    { name: 'raw runs at batch 8', value: 8000 / of(8), want: 'at least', limit: 60, unit: 'pictures/s' },
  ];
}

function runTable(results: readonly BundleResult[], limit: number, device: string): Table {
  return {
    title: `Raw runs on ${device} (arithmetic limit ${Math.round(limit / GIGA)} GFLOP/s)`,
    columns: [
      'bundle',
      'layout',
      'precision',
      'batch',
      'ms a picture',
      'pictures/s',
      'GFLOP a picture',
      '% of the limit',
      'load ms',
      'MB',
      'GPU MB',
    ],
    rows: results.flatMap((result) =>
      result.timings.map(({ batchSize, milliseconds }) => {
        const each = milliseconds / batchSize;
        const share = ((result.gflops * GIGA) / (each / 1000) / limit) * 100;
        return [
          result.bundle,
          result.layout,
          result.precision,
          batchSize,
          each,
          1000 / each,
          result.gflops,
          share,
          result.loadMs,
          result.memoryMB,
          result.gpuMB,
        ];
      }),
    ),
  };
}

/** @param limit floating point operations a second that the device does at most */
export function operatorTable(
  { bundle, operators }: Pick<BundleResult, 'bundle' | 'operators'>,
  provider: Provider,
  limit: number,
): Table {
  const title = `Operators of ${bundle}, one picture`;
  // The profiler's clock runs on the host, which only starts a GPU's kernels.
  if (provider !== 'cpu') {
    return {
      title: `${title} (what each takes of the GPU, the profiler does not see)`,
      columns: ['operator', 'nodes', 'GFLOP'],
      rows: [...operators]
        .sort((a, b) => b.flops - a.flops || b.count - a.count)
        .map(({ operator, count, flops }) => [operator, count, flops === 0 ? undefined : flops / GIGA]),
    };
  }
  const total = operators.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return {
    title: `${title} (the profiler slows a run a little)`,
    columns: ['operator', 'nodes', 'ms', '% of the run', 'GFLOP', '% of the limit'],
    rows: operators
      .slice(0, OPERATORS_SHOWN)
      .map(({ operator, count, milliseconds, flops }) => [
        operator,
        count,
        milliseconds,
        (milliseconds / total) * 100,
        flops === 0 ? undefined : flops / GIGA,
        flops === 0 ? undefined : (flops / (milliseconds / 1000) / limit) * 100,
      ]),
  };
}
