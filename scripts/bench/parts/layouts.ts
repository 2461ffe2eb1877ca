/** Part `layouts`: the same weights as one graph and as three, turn by turn in processes of their own. */
import { bundleSpec } from '../../../src/bundles/bundle-spec.js';
import { bundleOf, bundleUnderTest } from '../bundle-under-test.js';
import { askEngine, settingsOf } from '../engine/ask.js';
import type { EngineAnswer } from '../engine/child.js';
import type { Context, PartResult } from '../part.js';
import type { Table } from '../report/table.js';
import { median } from '../statistics.js';

export interface Turn {
  layout: string;
  answer: EngineAnswer;
}

export async function layoutsPart({ options, log }: Context): Promise<PartResult> {
  const fused = await bundleUnderTest(options);
  const staged = await bundleOf(options, options.staged ?? `${fused.id}-staged`).catch((error: unknown) => {
    if (options.staged !== undefined) throw error;
  });
  if (staged === undefined) return { tables: [], bars: [], data: [] };
  const settings = settingsOf(options);
  const batchSizes = options.quick ? [1] : [1, 4, 8];
  const seconds = options.seconds / batchSizes.length;
  const turns: Turn[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const pair = [fused, staged];
    // Whoever comes first finds the device cooler: each does in turn.
    for (const bundle of round % 2 === 0 ? pair : pair.reverse()) {
      log(`layouts, round ${round + 1} of ${options.rounds}: ${bundle.id}`);
      const spec = bundleSpec(bundle, batchSizes);
      const answer = await askEngine({ type: 'time', settings, spec, batchSizes, seconds });
      turns.push({ layout: bundle.manifest.layout, answer });
    }
  }
  const title = `Layouts, ${fused.id} and ${staged.id} (medians of ${options.rounds} turns)`;
  return { tables: [layoutTable(title, turns, batchSizes)], bars: [], data: turns };
}

export function layoutTable(title: string, turns: readonly Turn[], batchSizes: readonly number[]): Table {
  const layouts = [...new Set(turns.map(({ layout }) => layout))].sort();
  const of = (layout: string, value: (answer: EngineAnswer) => number | undefined): number =>
    median(turns.flatMap((turn) => (turn.layout === layout ? [value(turn.answer) ?? Number.NaN] : [])));
  return {
    title,
    columns: [
      'layout',
      ...batchSizes.map((size) => `ms a picture, batch ${size}`),
      'load ms',
      'MB',
      'GPU MB',
    ],
    rows: layouts.map((layout) => [
      layout,
      ...batchSizes.map((size) =>
        of(layout, ({ timings }) => {
          const timing = timings?.find(({ batchSize }) => batchSize === size);
          return timing === undefined ? undefined : timing.milliseconds / size;
        }),
      ),
      of(layout, ({ loadMs }) => loadMs),
      of(layout, ({ memory }) => memory / 2 ** 20),
      of(layout, ({ gpuMemory }) => gpuMemory),
    ]),
  };
}
