/** Part `engine`: raw runs of every bundle, back to back: milliseconds a picture, and how far from the arithmetic limit. */
import type { Bundle } from '../../../src/bundles/bundle.js';
import { bundleSpec } from '../../../src/bundles/bundle-spec.js';
import { allBundles, bundleUnderTest } from '../bundle-under-test.js';
import { askEngine, settingsOf } from '../engine/ask.js';
import type { BatchTiming } from '../engine/child.js';
import type { OperatorCost } from '../engine/profile.js';
import type { Context, PartResult } from '../part.js';
import type { Table } from '../report/table.js';

const GIGA = 1e9;
/** Rows of the operator table: the rest is less than the noise. */
const OPERATORS_SHOWN = 12;

interface BundleResult {
  bundle: string;
  layout: string;
  precision: string;
  loadMs: number;
  memoryMB: number;
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
    results.push(
      resultOf(bundle, timed.timings ?? [], timed.loadMs ?? 0, timed.memory, profiled.operators ?? []),
    );
  }
  const own = results.find(({ bundle }) => bundle === underTest.id);
  return {
    tables: [
      runTable(results, limit, options.device),
      ...(own === undefined ? [] : [operatorTable(own, limit)]),
    ],
    bars: [],
    data: { limitGflops: limit / GIGA, results },
  };
}

function resultOf(
  bundle: Bundle,
  timings: BatchTiming[],
  loadMs: number,
  memory: number,
  operators: OperatorCost[],
): BundleResult {
  const { layout, precision } = bundle.manifest;
  const gflops = operators.reduce((sum, { flops }) => sum + flops, 0) / GIGA;
  return {
    bundle: bundle.id,
    layout,
    precision,
    loadMs,
    memoryMB: memory / 2 ** 20,
    gflops,
    timings,
    operators,
  };
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
        ];
      }),
    ),
  };
}

function operatorTable({ bundle, operators }: BundleResult, limit: number): Table {
  const total = operators.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return {
    title: `Operators of ${bundle}, one picture (the profiler slows a run a little)`,
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
