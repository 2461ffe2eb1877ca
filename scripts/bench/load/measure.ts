/** One measurement of a server under a number of clients: what they saw, and what the server says of the same time. */
import type { ServerUnderTest } from '../server-under-test.js';
import { type Summary, summarise, throughput } from '../statistics.js';
import { type Client, runClosedLoop } from './closed-loop.js';
import { httpClient, type Sending } from './http-client.js';
import { streamClient } from './stream-client.js';
import { type SeenByServer, watch } from './watch.js';

export type Way = 'http' | 'stream';

/** Milliseconds, unless said otherwise. */
export interface Measurement {
  way: Way;
  clients: number;
  picturesPerSecond: number;
  latency: Summary;
  /** Latency less the run of the batch it rode in. */
  overhead: Summary;
  inference: Summary;
  queue: Summary;
  decode: Summary;
  encode: Summary;
  /** Absent for a server without our metrics. */
  server?: SeenByServer;
}

export interface LoadSpec {
  way: Way;
  clients: number;
  seconds: number;
  sending: Sending;
  /** Whether the server has our metrics. */
  ours: boolean;
}

export async function measure(target: ServerUnderTest, spec: LoadSpec): Promise<Measurement> {
  const clients: Client[] = [];
  for (let i = 0; i < spec.clients; i++) {
    clients.push(
      spec.way === 'http'
        ? httpClient(target.origin, spec.sending, i)
        : await streamClient(target.origin, spec.sending, i),
    );
  }
  let server: SeenByServer | undefined;
  const { answers, seconds } = await runClosedLoop(clients, spec.seconds, async () => {
    const stop = spec.ours ? await watch(target) : undefined;
    return async () => {
      server = await stop?.();
    };
  });
  const latencies = answers.map(({ latency }) => latency);
  const timing = (name: string): Summary =>
    summarise(answers.map(({ timings }) => timings[name] ?? Number.NaN));
  return {
    way: spec.way,
    clients: spec.clients,
    picturesPerSecond: throughput(latencies, spec.clients, seconds),
    latency: summarise(latencies),
    overhead: summarise(answers.map(({ latency, timings }) => latency - (timings.inference ?? Number.NaN))),
    inference: timing('inference'),
    queue: timing('queue'),
    decode: timing('decode'),
    encode: timing('encode'),
    ...(server === undefined ? {} : { server }),
  };
}
