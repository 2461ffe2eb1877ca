/** What is to be expected of a device that has what it has: for whoever chooses one, or tells how long the queue is. */
import type { Bundle } from '../bundles/bundle.js';
import type { Residency } from '../bundles/residency.js';
import type { Engine } from '../engine/engine.js';
import type { BatchRuns } from './batch-runs.js';
import type { BatchingQueue } from './batching-queue.js';
import { roomAmongJobs } from './next-load.js';
import type { PendingJob } from './pending-job.js';
import type { Speed } from './speed.js';
import { shareMs } from './turn.js';

export interface OutlookOptions {
  engine: Engine;
  residency: Residency;
  queue: BatchingQueue<PendingJob>;
  runs: BatchRuns;
  /** Of runs on the whole device, and on an instance's share of it. */
  speed: Speed;
  shareSpeed: Speed;
}

export class Outlook {
  readonly #device: OutlookOptions;

  constructor(device: OutlookOptions) {
    this.#device = device;
  }

  /** Bundles that jobs wait for here and that are not resident. */
  awaitedBundles(): Bundle[] {
    const { queue, residency } = this.#device;
    const bundles = new Set([...queue.jobs()].map(({ request }) => request.bundle));
    return [...bundles].filter((bundle) => !residency.isLoaded(bundle.id));
  }

  /** Expected milliseconds until everything handed to this device is done, loads not counted. */
  backlogMs(now: number): number {
    const { queue, runs } = this.#device;
    let milliseconds = runs.remainingMs(now);
    for (const job of queue.jobs()) milliseconds += this.#sampleMs(job) * job.count;
    return milliseconds;
  }

  /** Milliseconds until a bundle may be loaded here for a job, the load itself not counted; 0 where it is loaded. */
  roomMs(bundle: Bundle, urgent: boolean, now: number): number {
    const { queue, residency, runs } = this.#device;
    if (residency.isLoaded(bundle.id)) return 0;
    const room = roomAmongJobs(bundle, urgent, { residency, queue, inFlight: runs.inFlight, now });
    return Math.max(0, room.inMs);
  }

  /** Expected milliseconds of the device for a sample of a job that waits among others. */
  #sampleMs({ request }: PendingJob): number {
    const { engine, speed, shareSpeed } = this.#device;
    const instances = engine.instances(request.bundle.id);
    const whole = speed.sampleMs(request);
    if (instances === 0) return whole;
    return Math.min(whole, shareMs(speed, shareSpeed, request, instances, 1) / instances);
  }
}
