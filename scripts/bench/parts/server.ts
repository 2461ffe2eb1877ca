/** Part `server`: closed-loop clients over HTTP and over the stream. */
import type { Provider } from '../../../src/engine/protocol.js';
import { bundleUnderTest } from '../bundle-under-test.js';
import { settingsOf } from '../engine/ask.js';
import { watchGpuMemory } from '../gpu-memory.js';
import { type Measurement, measure, type Way } from '../load/measure.js';
import type { Context, PartResult } from '../part.js';
import type { Bar } from '../report/bars.js';
import type { Table } from '../report/table.js';
import { loadSamples, PROMPTS } from '../samples.js';
import { startServer } from '../server-under-test.js';

interface OnDevice extends Measurement {
  /** Megabytes that the card has grown by since before the server. */
  gpuMB: number | undefined;
}

export async function serverPart({ options, log }: Context): Promise<PartResult> {
  const bundle = await bundleUnderTest(options);
  const sending = { images: await loadSamples(bundle.manifest.size.native[0]), prompts: PROMPTS };
  const settings = settingsOf(options);
  const gpuMemory = watchGpuMemory(settings);
  const server = await startServer({ ...options, model: bundle.id }, { MAX_QUEUE_SIZE: '256' });
  const measurements: OnDevice[] = [];
  try {
    for (const way of ['http', 'stream'] satisfies Way[]) {
      for (const clients of options.clients) {
        log(`${way}, ${clients} clients`);
        // A queue of many takes long to turn over: each client should be answered a few times.
        const seconds = options.quick
          ? options.seconds
          : Math.max(options.seconds, Math.min(30, clients / 2));
        const measurement = await measure(server, { way, clients, seconds, sending, ours: true });
        measurements.push({ ...measurement, gpuMB: gpuMemory() });
      }
    }
  } finally {
    await server.close();
  }
  return {
    tables: [clientTable(bundle.id, measurements), serverTable(bundle.id, measurements)],
    bars: serverBars(measurements, settings.provider),
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

function serverTable(bundle: string, measurements: readonly OnDevice[]): Table {
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
      'GPU MB',
    ],
    rows: measurements.flatMap(({ way, clients, server, gpuMB }) =>
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
              gpuMB,
            ],
          ],
    ),
  };
}

/** What is wanted of a server on two cores with a small bundle, and of one on a GPU with the full-size model in fp16. */
export function serverBars(measurements: readonly Measurement[], provider: Provider): Bar[] {
  const at = (clients: number): Measurement | undefined =>
    measurements.find((m) => m.way === 'http' && m.clients === clients);
  const one = at(1);
  const many = at(16);
  const bars: Bar[] = [];
  if (provider === 'cuda') {
    if (one !== undefined) {
      const { p50 } = one.inference;
      bars.push({ name: 'inference at one client, p50', value: p50, want: 'at most', limit: 25, unit: 'ms' });
    }
    if (many !== undefined) {
      const value = many.picturesPerSecond;
      bars.push({ name: 'throughput at 16 clients', value, want: 'at least', limit: 60, unit: 'pictures/s' });
    }
  }
  if (provider !== 'cpu') return bars;
  if (one !== undefined) {
    const { p50 } = one.overhead;
    bars.push({ name: 'overhead at one client, p50', value: p50, want: 'at most', limit: 10, unit: 'ms' });
  }
  if (many?.server !== undefined) {
    const { deviceBusy, loopP99 } = many.server;
    bars.push(
      { name: 'device busy at 16 clients', value: deviceBusy * 100, want: 'at least', limit: 95, unit: '%' },
      { name: 'event-loop delay at 16 clients, p99', value: loopP99, want: 'at most', limit: 20, unit: 'ms' },
    );
  }
  return bars;
}
