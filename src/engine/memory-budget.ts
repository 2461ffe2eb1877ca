/** Bytes of graphs a device may hold where no setting says. */
import os from 'node:os';
import type { Logger } from 'pino';
import type { CudaCard } from './cuda-cards.js';
import type { DeviceSpec } from './devices.js';

/** Half of the smallest card that models of this kind are run on. */
const UNKNOWN_CARD_BYTES = 4 * 2 ** 30;

/**
 * Half of what the device has.
 * @param cpuEngines that share the machine's memory
 */
export function defaultBudget(
  device: DeviceSpec,
  cpuEngines: number,
  cards: readonly CudaCard[],
  logger: Logger,
): number {
  if (device.provider !== 'cuda') return machineMemory() / 2 / Math.max(1, cpuEngines);
  const memoryBytes = cards.find(({ index }) => index === device.index)?.memoryBytes;
  if (memoryBytes !== undefined) return memoryBytes / 2;
  logger.warn(
    { device: device.id, budgetBytes: UNKNOWN_CARD_BYTES, setting: 'MEMORY_BUDGET_MB' },
    'memory of the card not known',
  );
  return UNKNOWN_CARD_BYTES;
}

/** Bytes this process may use: the machine's, or less where a container says so. */
function machineMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(os.totalmem(), constrained) : os.totalmem();
}
