/** Which bundle a device loads next, and when: the one whose job is first, once there is room for it. */
import type { Bundle } from '../bundles/bundle.js';
import type { Residency } from '../bundles/residency.js';
import type { Claim, Room } from '../bundles/room.js';
import type { BatchingQueue } from './batching-queue.js';
import type { InFlight } from './in-flight.js';
import type { PendingJob } from './pending-job.js';

/** A device as it is when a bundle is missing. */
export interface DeviceBundles {
  residency: Residency;
  queue: BatchingQueue<PendingJob>;
  inFlight: readonly InFlight[];
  now: number;
}

export interface NextLoad {
  /** To be loaded now, or on its way and to be waited for. */
  bundle?: Bundle;
  /** Milliseconds after which to ask again; 0 where the end of a load is what is waited for. */
  inMs: number;
}

/** @param leader who is first in the queue, and whose bundle is not loaded */
export function nextLoad(leader: PendingJob, device: DeviceBundles): NextLoad {
  const { residency, queue, now } = device;
  const { bundle } = leader.request;
  const { inMs, behind } = roomAmongJobs(bundle, queue.isUrgent(leader, now), device);
  if (behind !== undefined) return { bundle: behind, inMs: 0 };
  if (inMs <= 0) return { bundle, inMs: 0 };
  // Nobody else has to wait for room that is there.
  const other = queue.first(
    now,
    ({ request }) => !residency.isLoaded(request.bundle.id) && residency.room.fits(request.bundle),
  );
  return other === undefined ? { inMs } : { bundle: other.request.bundle, inMs };
}

/** When a bundle has room, for a job that is urgent or not. */
export function roomAmongJobs(bundle: Bundle, urgent: boolean, device: DeviceBundles): Room {
  const { residency, queue, now } = device;
  const jobs = jobsOf(device);
  const claimOf = (id: string): Claim => {
    const waiting = jobs.filter(({ request }) => request.bundle.id === id);
    if (waiting.length === 0) return 'none';
    return !urgent || waiting.some((job) => queue.isUrgent(job, now)) ? 'as urgent' : 'less urgent';
  };
  return residency.room.when(bundle, claimOf, now);
}

/** Jobs that wait here, and those that are being made. */
export function jobsOf({ queue, inFlight }: DeviceBundles): PendingJob[] {
  return [...queue.jobs(), ...inFlight.flatMap(({ jobs }) => jobs)];
}
