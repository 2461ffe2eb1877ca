/** What scheduling and the devices measure, as Prometheus metrics: prefix `img2img_`, times in seconds. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { SchedulingObserver } from './scheduling/observer.js';

/** Seconds; from a GPU's few milliseconds to a full-size model on a CPU. */
const INFERENCE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const QUEUE_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const BATCH_BUCKETS = [1, 2, 3, 4, 6, 8, 16, 32, 64];

export interface DeviceGauges {
  device: string;
  queued: number;
  residentBundles: number;
  up: boolean;
}

export interface Metrics extends SchedulingObserver {
  readonly registry: Registry;
  bundleLoaded(device: string, bundle: string, milliseconds: number): void;
  /** Gauges are read when somebody asks for them. */
  observeDevices(read: () => DeviceGauges[], admitted: () => number): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const queueTime = new Histogram({
    name: 'img2img_queue_duration_seconds',
    help: 'From submission to the scheduler to the start of the run.',
    labelNames: ['device'],
    buckets: QUEUE_BUCKETS,
    registers,
  });
  const inference = new Histogram({
    name: 'img2img_inference_duration_seconds',
    help: 'One batch on a device.',
    labelNames: ['device', 'model'],
    buckets: INFERENCE_BUCKETS,
    registers,
  });
  const batchSize = new Histogram({
    name: 'img2img_batch_size',
    help: 'Pictures in a batch, padding not counted.',
    labelNames: ['device', 'model'],
    buckets: BATCH_BUCKETS,
    registers,
  });
  const padding = new Counter({
    name: 'img2img_padding_samples_total',
    help: 'Samples run only to reach a preferred batch size.',
    labelNames: ['device'],
    registers,
  });
  const busy = new Counter({
    name: 'img2img_device_busy_seconds_total',
    help: 'Time a device spent running batches; a run on a share of its threads counts by that share.',
    labelNames: ['device'],
    registers,
  });
  const embeddings = new Counter({
    name: 'img2img_embedding_cache_lookups_total',
    help: 'Prompt embeddings asked for, by whether the device had them.',
    labelNames: ['device', 'result'],
    registers,
  });
  const failures = new Counter({
    name: 'img2img_batch_failures_total',
    help: 'Batches that failed on a device; their jobs are tried again one by one.',
    labelNames: ['device'],
    registers,
  });
  const restarts = new Counter({
    name: 'img2img_engine_restarts_total',
    help: 'Engine processes that died and were replaced.',
    labelNames: ['device'],
    registers,
  });
  const loads = new Histogram({
    name: 'img2img_bundle_load_duration_seconds',
    help: 'Loading a bundle onto a device, warm-up included.',
    labelNames: ['device', 'model'],
    buckets: INFERENCE_BUCKETS,
    registers,
  });
  return {
    registry,
    batchDone(event) {
      const { device, bundle: model } = event;
      for (const milliseconds of event.queueMs) queueTime.observe({ device }, milliseconds / 1000);
      inference.observe({ device, model }, event.inferenceMs / 1000);
      batchSize.observe({ device, model }, event.batchSize);
      padding.inc({ device }, Math.max(0, event.runSize - event.batchSize));
      busy.inc({ device }, event.busyMs / 1000);
      embeddings.inc({ device, result: 'hit' }, event.embeddingHits);
      embeddings.inc({ device, result: 'miss' }, event.embeddingMisses);
    },
    batchFailed: ({ device }) => failures.inc({ device }),
    engineRestarted: (device) => restarts.inc({ device }),
    bundleLoaded: (device, model, milliseconds) => loads.observe({ device, model }, milliseconds / 1000),
    observeDevices(read, admitted) {
      deviceGauge('img2img_queue_depth', 'Pictures waiting for a device.', (gauges) => gauges.queued);
      deviceGauge(
        'img2img_resident_bundles',
        'Bundles loaded on a device.',
        (gauges) => gauges.residentBundles,
      );
      deviceGauge('img2img_device_up', '1 while the device’s engine is ready.', (gauges) =>
        Number(gauges.up),
      );
      new Gauge({
        name: 'img2img_admitted_pictures',
        help: 'Pictures admitted and not yet answered.',
        registers,
        collect() {
          this.set(admitted());
        },
      });
      function deviceGauge(name: string, help: string, value: (gauges: DeviceGauges) => number): void {
        new Gauge({
          name,
          help,
          labelNames: ['device'],
          registers,
          collect() {
            for (const gauges of read()) this.set({ device: gauges.device }, value(gauges));
          },
        });
      }
    },
  };
}
