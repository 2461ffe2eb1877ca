/** Which device a job goes to: the one that would finish it first, the load it would cause included. */
import type { Bundle } from '../bundles/bundle.js';
import type { DeviceScheduler } from './device-scheduler.js';
import type { JobRequest } from './job.js';

/** Until a load was timed: reading graphs and making sessions of them, in bytes a millisecond (about 200 MB/s). */
const LOAD_BYTES_PER_MS = 200_000;

export interface LoadTimes {
  /** Milliseconds the last load of a bundle took on any device, if there was one. */
  loadMs(bundleId: string): number | undefined;
}

function usualLoadMs(bundle: Bundle, loads: LoadTimes): number {
  return loads.loadMs(bundle.id) ?? bundle.graphBytes / LOAD_BYTES_PER_MS;
}

/** Milliseconds of a load that is still to be begun; 0 where the bundle is resident, or on its way. */
function nextLoadMs(device: DeviceScheduler, bundle: Bundle, loads: LoadTimes): number {
  const { state } = device.residency.describe(bundle.id);
  return state === 'loaded' || state === 'loading' ? 0 : usualLoadMs(bundle, loads);
}

/** Milliseconds until the loads under way on a device have ended, whoever waits for them: it runs nothing before. */
function loadingMs(device: DeviceScheduler, loads: LoadTimes, now: number): number {
  return device.residency.loading(now).reduce((sum, { bundle, elapsedMs }) => {
    // One that takes longer than it should: as much longer again as it does already.
    return sum + Math.abs(usualLoadMs(bundle, loads) - elapsedMs);
  }, 0);
}

/** Milliseconds until a device has done all it has, with the loads under way and those that its jobs wait for. */
export function expectedIdleMs(device: DeviceScheduler, loads: LoadTimes, now: number): number {
  let milliseconds = loadingMs(device, loads, now) + device.backlogMs(now);
  for (const bundle of device.awaitedBundles()) {
    milliseconds += nextLoadMs(device, bundle, loads) + device.roomMs(bundle, false, now);
  }
  return milliseconds;
}

/** Milliseconds until `request` would be done on `device`. */
export function expectedFinishMs(
  device: DeviceScheduler,
  request: JobRequest,
  loads: LoadTimes,
  now: number,
): number {
  const { bundle, samples } = request;
  const roomMs = device.roomMs(bundle, request.priority === 'interactive', now);
  const loadMs = roomMs + loadingMs(device, loads, now) + nextLoadMs(device, bundle, loads);
  return loadMs + device.backlogMs(now) + device.speed.batchMs(request, samples.length);
}

/**
 * The devices to be reckoned with: nobody can tell when, nor whether, one comes back that is not ready.
 * @returns those that are ready; where none is, all
 */
export function present(devices: readonly DeviceScheduler[]): readonly DeviceScheduler[] {
  const ready = devices.filter(({ engine }) => engine.state === 'ready');
  return ready.length > 0 ? ready : devices;
}

/** @returns undefined where every device that can run the bundle is closed */
export function place(
  devices: readonly DeviceScheduler[],
  request: JobRequest,
  loads: LoadTimes,
  now: number,
): DeviceScheduler | undefined {
  const able = devices.filter(
    ({ engine }) => engine.state !== 'closed' && engine.targets.includes(request.bundle.manifest.target),
  );
  let best: { device: DeviceScheduler; finishMs: number } | undefined;
  for (const device of present(able)) {
    // A bundle that this device just failed to load may still run elsewhere; here, it is tried again when it is time.
    const justFailed = (device.residency.retryInMs(request.bundle.id, now) ?? 0) > 0;
    const penalty = justFailed ? Number.MAX_SAFE_INTEGER : 0;
    const finishMs = expectedFinishMs(device, request, loads, now) + penalty;
    if (best === undefined || finishMs < best.finishMs) best = { device, finishMs };
  }
  return best?.device;
}
