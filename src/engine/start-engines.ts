/** Starts one engine a device: the ones named by hand, or with `auto` CUDA where it loads, else the CPU. */
import type { Logger } from 'pino';
import { Img2ImgError, messageOf } from '../errors.js';
import { type CudaCard, listCudaCards } from './cuda-cards.js';
import { type DeviceSpec, engineSettings, parseDevices } from './devices.js';
import type { Engine } from './engine.js';
import { defaultBudget } from './memory-budget.js';
import { SupervisedEngine } from './supervised-engine.js';

export interface StartEnginesOptions {
  /** Entries of `DEVICES`. */
  devices: readonly string[];
  cpuThreads: number;
  cpuInstances: number;
  embeddingCacheBytes: number;
  /** 0: as `defaultBudget` says. */
  memoryBudgetBytes: number;
  startTimeoutMs: number;
  requestTimeoutMs: number;
  logger: Logger;
}

const CPU: DeviceSpec = { id: 'cpu:0', provider: 'cpu', index: 0 };

/** @throws Img2ImgError `invalid_config` when a device named by hand cannot be had */
export async function startEngines(options: StartEnginesOptions): Promise<Engine[]> {
  const cards = await listCudaCards();
  if (options.devices.length === 1 && options.devices[0] === 'auto') return startAuto(options, cards);
  const devices = parseDevices(options.devices);
  const engines = await Promise.allSettled(devices.map((device) => start(device, devices, cards, options)));
  const failed = engines.findIndex((engine) => engine.status === 'rejected');
  if (failed === -1)
    return engines.flatMap((engine) => (engine.status === 'fulfilled' ? [engine.value] : []));
  await Promise.all(
    engines.map((engine) => (engine.status === 'fulfilled' ? engine.value.close() : undefined)),
  );
  const reason = (engines[failed] as PromiseRejectedResult).reason;
  throw new Img2ImgError(
    'invalid_config',
    `DEVICES names ${devices[failed]?.id}, which cannot be had: ${messageOf(reason)}`,
    { cause: reason },
  );
}

async function startAuto(options: StartEnginesOptions, cards: CudaCard[]): Promise<Engine[]> {
  const { logger } = options;
  const cuda: DeviceSpec[] = cards.map(({ index }) => ({ id: `cuda:${index}`, provider: 'cuda', index }));
  const engines: Engine[] = [];
  for (const device of cuda) {
    try {
      engines.push(await start(device, cuda, cards, options));
    } catch (error) {
      logger.warn({ device: device.id, reason: messageOf(error) }, 'device not used');
    }
  }
  const why =
    engines.length > 0
      ? 'CUDA loads'
      : cards.length > 0
        ? 'CUDA does not load, see above'
        : 'no NVIDIA driver answers';
  if (engines.length === 0) engines.push(await start(CPU, [CPU], cards, options));
  logger.info({ devices: engines.map((engine) => engine.id), why }, 'devices chosen');
  return engines;
}

function start(
  device: DeviceSpec,
  all: readonly DeviceSpec[],
  cards: readonly CudaCard[],
  options: StartEnginesOptions,
): Promise<Engine> {
  const cpuEngines = all.filter((other) => other.provider === 'cpu').length;
  const { cpuThreads, cpuInstances, embeddingCacheBytes, startTimeoutMs, requestTimeoutMs, logger } = options;
  return SupervisedEngine.start({
    id: device.id,
    settings: engineSettings(device, { cpuThreads, cpuInstances, cpuEngines, embeddingCacheBytes }),
    memoryBudgetBytes: options.memoryBudgetBytes || defaultBudget(device, cpuEngines, cards, logger),
    startTimeoutMs,
    requestTimeoutMs,
    logger,
  });
}
