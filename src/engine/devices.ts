/** Which devices to run on: `DEVICES` read into one engine's settings each. */
import os from 'node:os';
import { Img2ImgError } from '../errors.js';
import type { EngineSettings, Provider } from './protocol.js';

export interface DeviceSpec {
  /** `cpu:0`, `cuda:1`, `webgpu:0`: unique, and what `device` means in the API. */
  id: string;
  provider: Provider;
  index: number;
}

const PROVIDERS: readonly Provider[] = ['cpu', 'cuda', 'webgpu'];

/**
 * Reads the entries of `DEVICES`. Entries without an index are counted up, so `cpu,cpu` is two CPU engines.
 * @throws Img2ImgError `invalid_config` when an entry is no device, stands twice, or is a card that WebGPU does not let choose
 */
export function parseDevices(entries: readonly string[]): DeviceSpec[] {
  if (entries.length === 0) throw new Img2ImgError('invalid_config', 'DEVICES names no device.');
  const counts = new Map<Provider, number>();
  const devices = entries.map((entry) => {
    const [, name, index] = /^([a-z]+)(?::(\d{1,3}))?$/.exec(entry) ?? [];
    const provider = PROVIDERS.find((known) => known === name);
    if (provider === undefined) {
      throw new Img2ImgError(
        'invalid_config',
        `DEVICES: "${entry}" is no device. Allowed: auto, or a list of ${PROVIDERS.map((p) => `${p}[:index]`).join(', ')}.`,
      );
    }
    const counted = counts.get(provider) ?? 0;
    counts.set(provider, counted + 1);
    const deviceIndex = index === undefined ? counted : Number(index);
    return { id: `${provider}:${deviceIndex}`, provider, index: deviceIndex };
  });
  const twice = devices.find((device, i) => devices.findIndex((other) => other.id === device.id) !== i);
  if (twice !== undefined) throw new Img2ImgError('invalid_config', `DEVICES: "${twice.id}" stands twice.`);
  const unreachable = devices.find(({ provider, index }) => provider === 'webgpu' && index > 0);
  if (unreachable !== undefined) {
    throw new Img2ImgError(
      'invalid_config',
      `DEVICES: "${unreachable.id}" cannot be had: ONNX Runtime runs on the one card that WebGPU gives it, webgpu:0.`,
    );
  }
  return devices;
}

/** Cores the engines may use: all this process may run on (from Node 22 on, within its container's quota). */
export function availableCores(): number {
  return os.availableParallelism();
}

/** What each costs is memory: its weights once more, and what its run needs. */
const MOST_INSTANCES = 4;

/** Threads of one instance: all for 0, else its share; the first ones have one more where they do not divide. */
export function threadsOf({ threads, instances }: EngineSettings, instance: number): number {
  if (instance === 0) return threads;
  return Math.floor(threads / instances) + (instance <= threads % instances ? 1 : 0);
}

/**
 * Settings of one device's engine.
 * @param cpuThreads `CPU_THREADS`; 0 shares the cores among `cpuEngines`
 * @param cpuInstances `CPU_INSTANCES`; 0: as many as there are threads, up to 4
 */
export function engineSettings(
  device: DeviceSpec,
  options: { cpuThreads: number; cpuInstances: number; cpuEngines: number; embeddingCacheBytes: number },
): EngineSettings {
  const shared = Math.max(1, Math.floor(availableCores() / Math.max(1, options.cpuEngines)));
  const threads = options.cpuThreads > 0 ? options.cpuThreads : shared;
  const instances = Math.min(threads, options.cpuInstances > 0 ? options.cpuInstances : MOST_INSTANCES);
  return {
    provider: device.provider,
    deviceIndex: device.index,
    threads,
    instances: device.provider === 'cpu' ? instances : 1,
    embeddingCacheBytes: options.embeddingCacheBytes,
    // cuDNN picks its algorithms anew for every input shape it has not seen.
    padToPreferred: device.provider !== 'cpu',
  };
}
