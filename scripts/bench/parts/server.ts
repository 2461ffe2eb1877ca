/** Part `server`: closed-loop clients over HTTP and over the stream. */
import { bundleUnderTest } from '../bundle-under-test.js';
import { type Measurement, measure, type Way } from '../load/measure.js';
import type { Context, PartResult } from '../part.js';
import type { Bar } from '../report/bars.js';
import type { Table } from '../report/table.js';
import { loadSamples, PROMPTS } from '../samples.js';
import { startServer } from '../server-under-test.js';

export async function serverPart({ options, log }: Context): Promise<PartResult> {
  const bundle = await bundleUnderTest(options);
  const sending = { images: await loadSamples(bundle.manifest.size.native[0]), prompts: PROMPTS };
  const server = await startServer({ ...options, model: bundle.id }, { MAX_QUEUE_SIZE: '256' });
  const measurements: Measurement[] = [];
  try {
    for (const way of ['http', 'stream'] satisfies Way[]) {
      for (const clients of options.clients) {
        log(`${way}, ${clients} clients`);
        // A queue of many takes long to turn over: each client should be answered a few times.
        const seconds = options.quick
          ? options.seconds
          : Math.max(options.seconds, Math.min(30, clients / 2));
        measurements.push(await measure(server, { way, clients, seconds, sending, ours: true }));
      }
    }
  } finally {
    await server.close();
  }
  return {
    tables: [clientTable(bundle.id, measurements), serverTable(bundle.id, measurements)],
    bars: bars(measurements),
    data: measurements,
  };
}

function clientTable(bundle: string, measurements: readonly Measurement[]): Table {
  return {
    title: `Server with ${bundle}: what clients see (ms; JPEG in and out)`,
    columns: [
      'way',
      'clients',
      'pictures/s',
      'p50',
      'p95',
      'p99',
      'queue p50',
      'inference p50',
      'decode p50',
      'encode p50',
      'overhead p50',
    ],
    rows: measurements.map((m) => [
      m.way,
      m.clients,
      m.picturesPerSecond,
      m.latency.p50,
      m.latency.p95,
      m.latency.p99,
      m.queue.p50,
      m.inference.p50,
      m.decode.p50,
      m.encode.p50,
      m.clients === 1 ? m.overhead.p50 : undefined,
    ]),
  };
}

function serverTable(bundle: string, measurements: readonly Measurement[]): Table {
  return {
    title: `Server with ${bundle}: what it says of itself`,
    columns: [
      'way',
      'clients',
      'batches by size',
      'mean batch',
      'device busy %',
      'loop p99 ms',
      'loop max ms',
      'server CPU ms/picture',
      'engine CPU ms/picture',
      'server MB',
      'engine MB',
    ],
    rows: measurements.flatMap(({ way, clients, server }) =>
      server === undefined
        ? []
        : [
            [
              way,
              clients,
              Object.entries(server.batches)
                .map(([size, count]) => `${count}×${size}`)
                .join(' '),
              server.meanBatch,
              server.deviceBusy * 100,
              server.loopP99,
              server.loopMax,
              server.serverCpu,
              server.engineCpu,
              server.serverMemory,
              server.engineMemory,
            ],
          ],
    ),
  };
}

function bars(measurements: readonly Measurement[]): Bar[] {
  const at = (clients: number): Measurement | undefined =>
    measurements.find((m) => m.way === 'http' && m.clients === clients);
  const one = at(1)?.overhead.p50;
  const busy = at(16)?.server;
  const bars: Bar[] = [];
  if (one !== undefined) {
    bars.push({ name: 'overhead at one client, p50', value: one, want: 'at most', limit: 10, unit: 'ms' });
  }
  if (busy !== undefined) {
    const { deviceBusy, loopP99 } = busy;
    bars.push(
      { name: 'device busy at 16 clients', value: deviceBusy * 100, want: 'at least', limit: 95, unit: '%' },
      { name: 'event-loop delay at 16 clients, p99', value: loopP99, want: 'at most', limit: 20, unit: 'ms' },
    );
  }
  return bars;
}
