/** What our server says of itself over a window of time: two readings of its metrics and of its processes. */
import { bucketsBetween, grown, type Reading } from '../prometheus.js';
import type { ServerUnderTest } from '../server-under-test.js';

export interface SeenByServer {
  /** Batches by size: `{"8": 12}` is twelve batches of up to eight. */
  batches: Record<string, number>;
  meanBatch: number;
  /** Share of the window in which a device ran a batch. */
  deviceBusy: number;
  /** The event loop's lateness in milliseconds: 99th percentile and worst. */
  loopP99: number;
  loopMax: number;
  /** Milliseconds of CPU time a picture, in the server's process and in its engines. */
  serverCpu: number;
  engineCpu: number;
  /** Resident megabytes. */
  serverMemory: number;
  engineMemory: number;
}

/** prom-client's histogram holds the intervals of a 10 ms timer: what is above that is lateness. */
const LOOP_TIMER_MS = 10;
const MEGABYTE = 2 ** 20;

interface Moment {
  at: number;
  reading: Reading;
  use: ReturnType<ServerUnderTest['use']>;
}

/** Reads now; the function it gives reads again. */
export async function watch(server: ServerUnderTest): Promise<() => Promise<SeenByServer>> {
  const before = await look(server);
  return async () => compare(before, await look(server));
}

async function look(server: ServerUnderTest): Promise<Moment> {
  // A reading also resets the event loop's histogram.
  const reading = await server.metrics();
  return { at: performance.now(), reading, use: server.use() };
}

function compare(before: Moment, after: Moment): SeenByServer {
  const seconds = (after.at - before.at) / 1000;
  const growth = (name: string): number => grown(before.reading, after.reading, name);
  const batches = growth('img2img_batch_size_count');
  const pictures = growth('img2img_batch_size_sum');
  const lateness = (name: string): number =>
    Math.max(0, after.reading.sum(`nodejs_eventloop_lag_${name}_seconds`) * 1000 - LOOP_TIMER_MS);
  const cpu = (who: 'server' | 'engines'): number =>
    ((after.use[who].cpu - before.use[who].cpu) * 1000) / Math.max(1, pictures);
  const bySize = bucketsBetween(before.reading, after.reading, 'img2img_batch_size');
  return {
    batches: Object.fromEntries([...bySize].map(([size, count]) => [String(size), count])),
    meanBatch: pictures / Math.max(1, batches),
    deviceBusy: growth('img2img_device_busy_seconds_total') / seconds,
    loopP99: lateness('p99'),
    loopMax: lateness('max'),
    serverCpu: cpu('server'),
    engineCpu: cpu('engines'),
    serverMemory: after.use.server.memory / MEGABYTE,
    engineMemory: after.use.engines.memory / MEGABYTE,
  };
}
