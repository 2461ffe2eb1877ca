/** Part `load`: what a load is made of in an engine process of the server: sessions, warm-up, each batch size, memory. */
import { bundleSpec } from '../../../src/bundles/bundle-spec.js';
import type { LoadOutput } from '../../../src/engine/protocol.js';
import { bundleUnderTest } from '../bundle-under-test.js';
import { settingsOf } from '../engine/ask.js';
import { startEngine } from '../engine/own-engine.js';
import { watchGpuMemory } from '../gpu-memory.js';
import type { Context, PartResult } from '../part.js';
import type { Table } from '../report/table.js';
import { median } from '../statistics.js';

export interface Load extends LoadOutput {
  /** Megabytes of the engine process when it is loaded, and those that the card has grown by. */
  memoryMB: number;
  gpuMB: number | undefined;
}

export async function loadPart({ options, log }: Context): Promise<PartResult> {
  const bundle = await bundleUnderTest(options);
  const settings = settingsOf(options);
  const loads: Load[] = [];
  for (let round = 0; round < options.rounds; round++) {
    log(`load ${round + 1} of ${options.rounds}`);
    const gpuMemory = watchGpuMemory(settings);
    const { engine, megabytes } = await startEngine(options.device, settings);
    try {
      const load = await engine.load(bundleSpec(bundle, bundle.manifest.preferred_batch_sizes));
      loads.push({ ...load, memoryMB: megabytes(), gpuMB: gpuMemory() });
    } finally {
      await engine.close();
    }
  }
  const title = `Load of ${bundle.id} on ${options.device} (medians of ${options.rounds})`;
  return { tables: loadTables(title, loads), bars: [], data: loads };
}

export function loadTables(title: string, loads: readonly Load[]): Table[] {
  const of = (value: (load: Load) => number | undefined): number =>
    median(loads.map((load) => value(load) ?? Number.NaN));
  const sizes = [...new Set(loads.flatMap(({ runMs }) => runMs.map(({ batchSize }) => batchSize)))];
  return [
    {
      title,
      columns: ['sessions ms', 'warm-up ms', 'MB', 'GPU MB'],
      rows: [
        [
          of(({ loadMs }) => loadMs),
          of(({ warmUpMs }) => warmUpMs),
          of((l) => l.memoryMB),
          of((l) => l.gpuMB),
        ],
      ],
    },
    {
      title: `${title}: runs of its warm-up`,
      columns: ['batch', 'ms'],
      rows: sizes.map((size) => [
        size,
        of(({ runMs }) => runMs.find(({ batchSize }) => batchSize === size)?.milliseconds),
      ]),
    },
  ];
}
