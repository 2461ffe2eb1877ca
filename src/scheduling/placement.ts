/** Which device a job goes to: the one that would finish it first, the load it would cause included. */
import type { Bundle } from '../bundles/bundle.js';
import type { Residency } from '../bundles/residency.js';
import type { DeviceScheduler } from './device-scheduler.js';
import type { JobRequest } from './job.js';

/** Until a load was timed: reading graphs and making sessions of them, in bytes a millisecond (about 200 MB/s). */
const LOAD_BYTES_PER_MS = 200_000;

export interface LoadTimes {
  /** Milliseconds the last load of a bundle took on any device, if there was one. */
  loadMs(bundleId: string): number | undefined;
}

type LoadsUnderWay = ReturnType<Residency['loading']>;

function usualLoadMs(bundle: Bundle, loads: LoadTimes): number {
  return loads.loadMs(bundle.id) ?? bundle.graphBytes / LOAD_BYTES_PER_MS;
}

/** Milliseconds of a load that is still to be begun; 0 where the bundle is resident, or on its way. */
function nextLoadMs(device: DeviceScheduler, bundle: Bundle, loads: LoadTimes): number {
  const { state } = device.residency.describe(bundle.id);
  return state === 'loaded' || state === 'loading' ? 0 : usualLoadMs(bundle, loads);
}

/** Milliseconds until loads under way have ended, whoever waits for them. */
function leftMs(underWay: LoadsUnderWay, loads: LoadTimes): number {
  return underWay.reduce((sum, { bundle, elapsedMs }) => {
    // One that takes longer than it should: as much longer again as it does already.
    return sum + Math.abs(usualLoadMs(bundle, loads) - elapsedMs);
  }, 0);
}

/** The loads under way that end before a picture by `bundle` is begun. Between two, those by what is loaded are. */
function loadsBefore({ residency }: DeviceScheduler, bundle: Bundle, now: number): LoadsUnderWay {
  const underWay = residency.loading(now);
  if (!residency.isLoaded(bundle.id)) return underWay;
  const inEngine = residency.inEngine();
  return underWay.filter((load) => load.bundle === inEngine);
}

/** Milliseconds until a device has done all it has, with the loads under way and those that its jobs wait for. */
export function expectedIdleMs(device: DeviceScheduler, loads: LoadTimes, now: number): number {
  let milliseconds = leftMs(device.residency.loading(now), loads) + device.outlook.backlogMs(now);
  for (const bundle of device.outlook.awaitedBundles()) {
    milliseconds += nextLoadMs(device, bundle, loads) + device.outlook.roomMs(bundle, false, now);
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
  const roomMs = device.outlook.roomMs(bundle, request.priority === 'interactive', now);
  const loadMs = roomMs + leftMs(loadsBefore(device, bundle, now), loads) + nextLoadMs(device, bundle, loads);
  return loadMs + device.outlook.backlogMs(now) + device.speed.batchMs(request, samples.length);
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
