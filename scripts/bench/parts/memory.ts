/** Part `memory`: many requests at a small bundle, and what the server's memory does meanwhile. */
import { type Client, runClosedLoop } from '../load/closed-loop.js';
import { httpClient } from '../load/http-client.js';
import type { Context, PartResult } from '../part.js';
import { loadSamples, PROMPTS } from '../samples.js';
import { startServer } from '../server-under-test.js';
import { median } from '../statistics.js';

const CLIENTS = 16;
/** Readings of the whole run; the first quarter fills caches and grows heaps to their working size. */
const READINGS = 40;
const MEGABYTE = 2 ** 20;

export async function memoryPart({ options, log }: Context): Promise<PartResult> {
  log(`${options.requests} requests by ${CLIENTS} clients`);
  const fixtures = 'test/fixtures/bundles';
  const server = await startServer({ ...options, modelsDir: fixtures, model: 'tiny-sketch', device: 'cpu' });
  const readings: { requests: number; server: number; engine: number }[] = [];
  try {
    const sending = { images: await loadSamples(64), prompts: PROMPTS };
    let done = 0;
    const each = options.requests / READINGS;
    const clients = Array.from({ length: CLIENTS }, (_, i) => {
      const client = httpClient(server.origin, sending, i);
      return {
        ask: async () => {
          const answer = await client.ask();
          done++;
          if (done >= (readings.length + 1) * each) {
            const use = server.use();
            readings.push({
              requests: done,
              server: use.server.memory / MEGABYTE,
              engine: use.engines.memory / MEGABYTE,
            });
          }
          return answer;
        },
        close: () => client.close(),
      } satisfies Client;
    });
    await runClosedLoop(
      clients,
      () => done < options.requests,
      async () => async () => undefined,
    );
  } finally {
    await server.close();
  }
  const quarter = Math.floor(readings.length / 4);
  const level = (from: number, who: 'server' | 'engine'): number =>
    median(readings.slice(from, from + quarter).map((reading) => reading[who]));
  const growth = (who: 'server' | 'engine'): number =>
    (level(readings.length - quarter, who) / level(quarter, who) - 1) * 100;
  const shown = readings.filter((_, i) => (i + 1) % (READINGS / 10) === 0);
  return {
    tables: [
      {
        title: `Memory over ${options.requests} requests of 16 clients (tiny-sketch, MB resident)`,
        columns: ['requests', 'server', 'engine'],
        rows: shown.map((reading) => [reading.requests, reading.server, reading.engine]),
      },
    ],
    bars: [
      {
        name: 'server memory, last quarter over second',
        value: growth('server'),
        want: 'at most',
        limit: 10,
        unit: '%',
      },
      {
        name: 'engine memory, last quarter over second',
        value: growth('engine'),
        want: 'at most',
        limit: 10,
        unit: '%',
      },
    ],
    data: readings,
  };
}
