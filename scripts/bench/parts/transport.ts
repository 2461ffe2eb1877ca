/** Part `transport`: what it costs to bring a batch to an engine process and its pictures back. */
import type { Context, PartResult } from '../part.js';
import { median, percentile } from '../statistics.js';
import { ipc, pipe, sharedFile, sharedMemory, type Way } from '../transport/ways.js';

/** One 512×512 picture, and a batch of eight. */
const PAYLOADS = [512 * 512 * 3, 8 * 512 * 512 * 3];
const MEGABYTE = 2 ** 20;

interface Result {
  way: string;
  megabytes: number;
  p50: number;
  p95: number;
  /** Milliseconds of CPU time a trip in this process, its garbage collection included. */
  cpu: number;
}

export async function transportPart({ options, log }: Context): Promise<PartResult> {
  const trips = options.quick ? 30 : 200;
  const ways: Way[] = [ipc(), pipe(), await sharedMemory(), sharedFile()];
  const results: Result[] = [];
  try {
    for (const bytes of PAYLOADS) {
      const payload = new Uint8Array(bytes).map((_, i) => i & 0xff);
      const times = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
      log(`${trips} round trips of ${(bytes / MEGABYTE).toFixed(2)} MB each way`);
      const cpu = new Map<string, number>();
      // Turn by turn, so that what else the machine does hits all of them.
      for (let trip = -5; trip < trips; trip++) {
        for (const way of ways) {
          const start = performance.now();
          const startCpu = process.cpuUsage();
          const back = await way.roundTrip(payload);
          if (back.length !== bytes)
            throw new Error(`${way.name} brought ${back.length} of ${bytes} bytes back`);
          if (trip < 0) continue;
          times.get(way.name)?.push(performance.now() - start);
          const { user, system } = process.cpuUsage(startCpu);
          cpu.set(way.name, (cpu.get(way.name) ?? 0) + (user + system) / 1000);
        }
      }
      for (const [way, values] of times) {
        results.push({
          way,
          megabytes: bytes / MEGABYTE,
          p50: median(values),
          p95: percentile(values, 0.95),
          cpu: (cpu.get(way) ?? 0) / trips,
        });
      }
    }
  } finally {
    await Promise.all(ways.map((way) => way.close()));
  }
  return {
    tables: [
      {
        title: 'Transport to another process and back (ms)',
        columns: ['way', 'MB each way', 'p50', 'p95', 'CPU here'],
        rows: results.map(({ way, megabytes, p50, p95, cpu }) => [way, megabytes, p50, p95, cpu]),
      },
    ],
    bars: [],
    data: results,
  };
}
