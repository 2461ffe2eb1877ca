/** All devices of the server as one: places jobs, runs them, tells how full it is. */
import type { Bundle } from '../bundles/bundle.js';
import { Img2ImgError } from '../errors.js';
import type { DeviceScheduler } from './device-scheduler.js';
import type { JobRequest, JobResult } from './job.js';
import { PendingJob } from './pending-job.js';
import { expectedIdleMs, type LoadTimes, place } from './placement.js';

export class Scheduler {
  readonly devices: readonly DeviceScheduler[];
  readonly #loads: LoadTimes;
  readonly #largestBatch: (bundle: Bundle) => number;

  /** @param largestBatch samples of a bundle that may run together */
  constructor(
    devices: readonly DeviceScheduler[],
    loads: LoadTimes,
    largestBatch: (bundle: Bundle) => number,
  ) {
    this.devices = devices;
    this.#loads = loads;
    this.#largestBatch = largestBatch;
  }

  /** Expected milliseconds until the least busy device has done all it has, loads included. */
  backlogMs(): number {
    const now = performance.now();
    const backlogs = this.devices.map((device) => expectedIdleMs(device, this.#loads, now));
    return backlogs.length === 0 ? 0 : Math.min(...backlogs);
  }

  /**
   * Makes the pictures of one job. More samples than fit one batch run as several.
   * @throws Img2ImgError `deadline_exceeded`, `aborted`, `inference_failed`, `model_unavailable`, `engine_unavailable`
   */
  async run(request: JobRequest): Promise<JobResult> {
    const most = this.#largestBatch(request.bundle);
    if (request.samples.length <= most) return this.#submit(request);
    const parts: Promise<JobResult>[] = [];
    for (let i = 0; i < request.samples.length; i += most) {
      parts.push(this.#submit({ ...request, samples: request.samples.slice(i, i + most) }));
    }
    const results = await Promise.all(parts);
    return {
      images: results.flatMap((result) => result.images),
      device: results[0]?.device ?? '',
      batchSize: Math.max(...results.map((result) => result.batchSize)),
      queueMs: Math.max(...results.map((result) => result.queueMs)),
      inferenceMs: results.reduce((sum, result) => sum + result.inferenceMs, 0),
    };
  }

  close(): void {
    const error = new Img2ImgError('draining', 'The server is shutting down.');
    for (const device of this.devices) device.close(error);
  }

  #submit(request: JobRequest): Promise<JobResult> {
    const now = performance.now();
    const device = place(this.devices, request, this.#loads, now);
    if (device === undefined) throw new Img2ImgError('engine_unavailable', 'No device is up.');
    const job = new PendingJob(request, now, (gone) => device.forget(gone));
    device.submit(job);
    return job.result;
  }
}
