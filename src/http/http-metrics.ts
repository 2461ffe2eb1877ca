/** What HTTP and the streams measure: requests by outcome, decode and encode time, frames and open streams. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Translation } from '../translation.js';

/** Seconds; images decode and encode within these. */
const CODEC_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** Seconds; from a warm GPU to a cold CPU. */
const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export type FrameOutcome = 'result' | 'error' | 'overtaken' | 'unchanged';

export interface HttpMetrics {
  answered(route: string, method: string, status: number, outcome: string, milliseconds: number): void;
  translated(translation: Translation): void;
  frame(outcome: FrameOutcome): void;
  streamOpened(): void;
  streamClosed(): void;
}

export function createHttpMetrics(registry: Registry): HttpMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'img2img_http_requests_total',
    help: 'Requests answered, by route, status and outcome (`ok` or the code of the problem).',
    labelNames: ['route', 'method', 'status', 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'img2img_http_request_duration_seconds',
    help: 'From the first line of a request to the end of its answer.',
    labelNames: ['route'],
    buckets: REQUEST_BUCKETS,
    registers,
  });
  const decode = new Histogram({
    name: 'img2img_decode_duration_seconds',
    help: 'Reading, fitting and conditioning an image.',
    buckets: CODEC_BUCKETS,
    registers,
  });
  const encode = new Histogram({
    name: 'img2img_encode_duration_seconds',
    help: 'Writing the pictures of one request.',
    labelNames: ['format'],
    buckets: CODEC_BUCKETS,
    registers,
  });
  const frames = new Counter({
    name: 'img2img_stream_frames_total',
    help: 'Frames of streams by what became of them.',
    labelNames: ['outcome'],
    registers,
  });
  const streams = new Gauge({ name: 'img2img_open_streams', help: 'Open streams.', registers });
  return {
    answered(route, method, status, outcome, milliseconds) {
      requests.inc({ route, method, status: String(status), outcome });
      duration.observe({ route }, milliseconds / 1000);
    },
    translated({ timings, format }) {
      decode.observe(timings.decode / 1000);
      encode.observe({ format }, timings.encode / 1000);
    },
    frame: (outcome) => frames.inc({ outcome }),
    streamOpened: () => streams.inc(),
    streamClosed: () => streams.dec(),
  };
}
