/** Bytes of graphs a device may hold where no setting says. */
import os from 'node:os';
import type { Logger } from 'pino';
import type { CudaCard } from './cuda-cards.js';
import type { DeviceSpec } from './devices.js';

/** Half of the smallest card that models of this kind are run on. */
const UNKNOWN_CARD_BYTES = 4 * 2 ** 30;

/**
 * Half of what the device has, as far as that is known.
 * @param cpuEngines that share the machine's memory
 */
export function defaultBudget(
  device: DeviceSpec,
  cpuEngines: number,
  cards: readonly CudaCard[],
  logger: Logger,
): number {
  if (device.provider === 'cpu') return machineMemory() / 2 / Math.max(1, cpuEngines);
  const card = device.provider === 'cuda' ? cards.find(({ index }) => index === device.index) : undefined;
  if (card?.memoryBytes !== undefined) return card.memoryBytes / 2;
  // WebGPU does not tell how much its card has; one without memory of its own takes the machine's.
  const budgetBytes =
    device.provider === 'webgpu' ? Math.min(UNKNOWN_CARD_BYTES, machineMemory() / 2) : UNKNOWN_CARD_BYTES;
  logger.warn(
    { device: device.id, budgetBytes, setting: 'MEMORY_BUDGET_MB' },
    'memory of the card not known',
  );
  return budgetBytes;
}

/** Bytes this process may use: the machine's, or less where a container says so. */
function machineMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(os.totalmem(), constrained) : os.totalmem();
}
