/** Part `start`: from the process's start to ready and to the first picture, and what a bundle's load takes. */
import type { Provider } from '../../../src/engine/protocol.js';
import { bundleUnderTest } from '../bundle-under-test.js';
import { settingsOf } from '../engine/ask.js';
import { httpClient } from '../load/http-client.js';
import type { Context, PartResult } from '../part.js';
import type { Bar } from '../report/bars.js';
import { loadSamples, PROMPTS } from '../samples.js';
import { type ServerUnderTest, startServer } from '../server-under-test.js';
import { median } from '../statistics.js';

interface Start {
  ready: number;
  firstPicture: number;
  /** `POST …/load` after `…/unload`: sessions created and warmed up in an engine that is up. */
  load: number;
}

export async function startPart({ options, log }: Context): Promise<PartResult> {
  const bundle = await bundleUnderTest(options);
  const sending = { images: await loadSamples(bundle.manifest.size.native[0]), prompts: PROMPTS };
  const starts: Start[] = [];
  for (let round = 0; round < options.rounds; round++) {
    log(`start ${round + 1} of ${options.rounds}`);
    const began = performance.now();
    const server = await startServer({ ...options, model: bundle.id });
    try {
      const ready = performance.now() - began;
      const client = httpClient(server.origin, sending, 0);
      await client.ask();
      client.close();
      starts.push({
        ready,
        firstPicture: performance.now() - began,
        load: await timeLoad(server, bundle.id),
      });
    } finally {
      await server.close();
    }
  }
  const of = (key: keyof Start): number => median(starts.map((start) => start[key]));
  return {
    tables: [
      {
        title: `Start with ${bundle.id} (median of ${options.rounds}, ms)`,
        columns: ['process start to ready', 'process start to the first picture', 'load of the bundle'],
        rows: [[of('ready'), of('firstPicture'), of('load')]],
      },
    ],
    bars: startBars(of('ready'), settingsOf(options).provider),
    data: starts,
  };
}

/** Two seconds are wanted with a small bundle on a CPU; a GPU’s start is told, and its parts by the part `load`. */
export function startBars(ready: number, provider: Provider): Bar[] {
  if (provider !== 'cpu') return [];
  return [{ name: 'process start to ready', value: ready, want: 'at most', limit: 2000, unit: 'ms' }];
}

async function timeLoad({ origin }: ServerUnderTest, id: string): Promise<number> {
  const post = async (action: string): Promise<void> => {
    const answer = await fetch(`${origin}/v1/models/${id}/${action}`, { method: 'POST' });
    if (!answer.ok) throw new Error(`${action}: ${answer.status} ${await answer.text()}`);
  };
  await post('unload');
  const began = performance.now();
  await post('load');
  return performance.now() - began;
}
