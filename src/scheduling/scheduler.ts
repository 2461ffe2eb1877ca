/** All devices of the server as one: places jobs, runs them, tells how full it is. */
import type { Bundle } from '../bundles/bundle.js';
import { Img2ImgError } from '../errors.js';
import type { DeviceScheduler } from './device-scheduler.js';
import type { JobRequest, JobResult, Sample } from './job.js';
import { PendingJob, TooManyTogetherError } from './pending-job.js';
import { expectedIdleMs, type LoadTimes, place, present } from './placement.js';

/** How many samples of a bundle may run together at a size. */
export type LargestBatch = (shape: Pick<JobRequest, 'bundle' | 'width' | 'height'>) => number;

export class Scheduler {
  readonly devices: readonly DeviceScheduler[];
  readonly #loads: LoadTimes;
  readonly #largestBatch: LargestBatch;
  /** By id, the bundle that took the place of another one: of that, prompts are read and sizes chosen in another way. */
  readonly #replacements = new Map<string, Bundle>();

  constructor(devices: readonly DeviceScheduler[], loads: LoadTimes, largestBatch: LargestBatch) {
    this.devices = devices;
    this.#loads = loads;
    this.#largestBatch = largestBatch;
    for (const device of devices) device.onUnable((job) => this.#submitElsewhere(job, device));
  }

  /**
   * Expected milliseconds until the least busy of the devices that have work has done all of it, loads included. One that
   * has none gives no place back, and perhaps it cannot run what is asked for.
   */
  backlogMs(): number {
    const now = performance.now();
    const busy = present(this.devices).filter((device) => !device.isIdle);
    const backlogs = busy.map((device) => expectedIdleMs(device, this.#loads, now));
    return backlogs.length === 0 ? 0 : Math.min(...backlogs);
  }

  /**
   * Makes the pictures of one job. More samples than fit one batch run as several.
   * @throws Img2ImgError `deadline_exceeded`, `aborted`, `inference_failed`, `model_unavailable`, `engine_unavailable`
   */
  async run(request: JobRequest): Promise<JobResult> {
    if (request.samples.length <= this.#largestBatch(request)) {
      try {
        return await this.#submit(request);
      } catch (error) {
        if (!(error instanceof TooManyTogetherError)) throw error;
      }
    }
    const results = await this.#runParts(request, this.#largestBatch(request));
    return {
      images: results.flatMap((result) => result.images),
      device: results[0]?.device ?? '',
      batchSize: Math.max(...results.map((result) => result.batchSize)),
      queueMs: Math.max(...results.map((result) => result.queueMs)),
      inferenceMs: results.reduce((sum, result) => sum + result.inferenceMs, 0),
    };
  }

  /** From now on the bundle is the only one under its id: who waits for another one is refused, and who still comes. */
  replace(bundle: Bundle): void {
    this.#replacements.set(bundle.id, bundle);
    for (const device of this.devices) device.refuseOthers(bundle, replaced(bundle));
  }

  close(): void {
    const error = new Img2ImgError('draining', 'The server is shutting down.');
    for (const device of this.devices) device.close(error);
  }

  /** All parts or none: when one fails, nobody waits for the others any more. */
  async #runParts(request: JobRequest, most: number): Promise<JobResult[]> {
    const failed = new AbortController();
    const signal =
      request.signal === undefined ? failed.signal : AbortSignal.any([request.signal, failed.signal]);
    // In a promise of its own each: a part that finds no device must not leave those before it unheard. One may come to a
    // device whose load shows that even fewer fit.
    const run = async (samples: Sample[]): Promise<JobResult> => this.run({ ...request, samples, signal });
    const parts: Promise<JobResult>[] = [];
    for (let i = 0; i < request.samples.length; i += most) {
      parts.push(run(request.samples.slice(i, i + most)));
    }
    try {
      return await Promise.all(parts);
    } catch (error) {
      failed.abort();
      throw error;
    }
  }

  #submit(request: JobRequest): Promise<JobResult> {
    const now = performance.now();
    const current = this.#replacements.get(request.bundle.id) ?? request.bundle;
    if (current !== request.bundle) throw replaced(current);
    const device = place(this.devices, request, this.#loads, now);
    if (device === undefined) throw new Img2ImgError('engine_unavailable', 'No device is up.');
    const job = new PendingJob(request, now, (gone) => {
      // It may have been moved since it was placed.
      for (const each of this.devices) each.forget(gone);
    });
    device.submit(job);
    return job.result;
  }

  /** Gives a job that `device` cannot run to another one. @returns false where there is none to take it */
  #submitElsewhere(job: PendingJob, device: DeviceScheduler): boolean {
    const others = this.devices.filter((other) => other !== device && !job.refusedBy.has(other.engine.id));
    // Who only waits for an engine to come back waits nowhere better at another that is away.
    const able = job.refusedBy.has(device.engine.id)
      ? others
      : others.filter(({ engine }) => engine.state === 'ready');
    const other = place(able, job.request, this.#loads, performance.now());
    other?.submit(job);
    return other !== undefined;
  }
}

function replaced({ id }: Bundle): Img2ImgError {
  return new Img2ImgError(
    'model_unavailable',
    `The model "${id}" was replaced meanwhile: send the request again.`,
    {
      details: { model: id },
      retryAfterSeconds: 1,
    },
  );
}
