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

interface Failure {
  device: DeviceSpec;
  reason: unknown;
}

const CPU: DeviceSpec = { id: 'cpu:0', provider: 'cpu', index: 0 };

/** @throws Img2ImgError `invalid_config` when a device named by hand cannot be had */
export async function startEngines(options: StartEnginesOptions): Promise<Engine[]> {
  const cards = await listCudaCards();
  if (options.devices.length === 1 && options.devices[0] === 'auto') return startAuto(options, cards);
  const { engines, failures } = await startAll(parseDevices(options.devices), cards, options);
  const [failure] = failures;
  if (failure === undefined) return engines;
  await Promise.all(engines.map((engine) => engine.close()));
  throw new Img2ImgError(
    'invalid_config',
    `DEVICES names ${failure.device.id}, which cannot be had: ${whyNot(failure)}`,
    { cause: failure.reason },
  );
}

async function startAuto(options: StartEnginesOptions, cards: CudaCard[]): Promise<Engine[]> {
  const { logger } = options;
  const cuda: DeviceSpec[] = cards.map(({ index }) => ({ id: `cuda:${index}`, provider: 'cuda', index }));
  const { engines, failures } = await startAll(cuda, cards, options);
  for (const failure of failures) {
    logger.warn({ device: failure.device.id, reason: whyNot(failure) }, 'device not used');
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

/** ONNX Runtime's own words, and what to do where it has no CUDA libraries, or they lack some of NVIDIA's. */
function whyNot({ device, reason }: Failure): string {
  const message = messageOf(reason);
  if (device.provider !== 'cuda' || !/load (shared )?library/.test(message)) return message;
  return `${message}. Run \`npm run cuda:install\`, which says what is missing: see README.md, “Put a GPU under it”.`;
}

/** Starts all at once. @returns the engines that are up and why others are not, each in the order of their devices */
async function startAll(
  devices: readonly DeviceSpec[],
  cards: readonly CudaCard[],
  options: StartEnginesOptions,
): Promise<{ engines: Engine[]; failures: Failure[] }> {
  const starts = devices.map((device) =>
    start(device, devices, cards, options).then(
      (engine) => ({ engine }),
      (reason: unknown) => ({ device, reason }),
    ),
  );
  const ended = await Promise.all(starts);
  return {
    engines: ended.flatMap((end) => ('engine' in end ? [end.engine] : [])),
    failures: ended.flatMap((end) => ('engine' in end ? [] : [end])),
  };
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
