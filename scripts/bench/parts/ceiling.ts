/** Part `ceiling`: how much of what raw runs give arrives at 16 clients; turn by turn, so that both see the same machine. */

import { bundleSpec } from '../../../src/bundles/bundle-spec.js';
import { threadsOf } from '../../../src/engine/devices.js';
import type { BundleSpec, EngineSettings } from '../../../src/engine/protocol.js';
import { bundleUnderTest } from '../bundle-under-test.js';
import { askEngine, settingsOf } from '../engine/ask.js';
import { measure } from '../load/measure.js';
import type { Context, PartResult } from '../part.js';
import type { Bar } from '../report/bars.js';
import { loadSamples, PROMPTS } from '../samples.js';
import { startServer } from '../server-under-test.js';
import { median } from '../statistics.js';

const CLIENTS = 16;

interface Turn {
  /** Pictures a second of raw runs, by batch size. */
  raw: Record<number, number>;
  /** Of raw runs side by side, each on a share of the threads, as the server does it under load. */
  beside: number;
  served: number;
}

/** Pictures a second of as many processes as there are instances, with the threads of one each. */
async function sideBySide(settings: EngineSettings, spec: BundleSpec, seconds: number): Promise<number> {
  const answers = await Promise.all(
    Array.from({ length: settings.instances }, (_, i) => {
      const share = { ...settings, threads: threadsOf(settings, i + 1) };
      return askEngine({ type: 'time', settings: share, spec, batchSizes: [1], seconds });
    }),
  );
  return answers.reduce((sum, { timings }) => sum + 1000 / (timings?.[0]?.milliseconds ?? Number.NaN), 0);
}

function throughputBar(of: string, share: number): Bar {
  const name = `throughput at ${CLIENTS} clients, of ${of}`;
  return { name, value: share * 100, want: 'at least', limit: 95, unit: '%' };
}

export async function ceilingPart({ options, log }: Context): Promise<PartResult> {
  const bundle = await bundleUnderTest(options);
  const settings = settingsOf(options);
  const batchSizes = options.quick ? [1, 2] : [1, 2, 4, 8];
  const spec = bundleSpec(bundle, batchSizes);
  const sending = { images: await loadSamples(bundle.manifest.size.native[0]), prompts: PROMPTS };
  const server = await startServer({ ...options, model: bundle.id }, { MAX_QUEUE_SIZE: '256' });
  const turns: Turn[] = [];
  try {
    for (let round = 0; round < options.rounds; round++) {
      log(`raw runs, then ${CLIENTS} clients: round ${round + 1} of ${options.rounds}`);
      const seconds = options.seconds / batchSizes.length;
      const { timings = [] } = await askEngine({ type: 'time', settings, spec, batchSizes, seconds });
      const raw = timings.map(({ batchSize, milliseconds }) => [
        batchSize,
        (batchSize / milliseconds) * 1000,
      ]);
      const beside = await sideBySide(settings, spec, seconds);
      const load = { way: 'http', clients: CLIENTS, seconds: options.seconds, sending, ours: true } as const;
      const { picturesPerSecond } = await measure(server, load);
      turns.push({ raw: Object.fromEntries(raw), beside, served: picturesPerSecond });
    }
  } finally {
    await server.close();
  }
  const rawOf = (size: number): number => median(turns.map(({ raw }) => raw[size] ?? Number.NaN));
  const best = Math.max(...batchSizes.map(rawOf));
  const beside = median(turns.map((turn) => turn.beside));
  const served = median(turns.map((turn) => turn.served));
  return {
    tables: [
      {
        title: `What arrives of the raw engine, ${bundle.id} (pictures/s, medians of ${options.rounds} turns)`,
        columns: [
          ...batchSizes.map((size) => `raw, batch ${size}`),
          `raw, ${settings.instances} side by side`,
          `served to ${CLIENTS} clients`,
        ],
        rows: [[...batchSizes.map(rawOf), beside, served]],
      },
    ],
    bars:
      settings.provider === 'cpu'
        ? [
            throughputBar('one raw session’s best', served / best),
            throughputBar('raw sessions side by side', served / beside),
          ]
        : [],
    data: turns,
  };
}
