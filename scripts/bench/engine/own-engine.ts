/** An engine process as the server has one, under the bench's eyes. */
import pino from 'pino';
import type { EngineSettings } from '../../../src/engine/protocol.js';
import { SupervisedEngine } from '../../../src/engine/supervised-engine.js';
import { childrenOf, useOf } from '../processes.js';

const PATIENCE_MS = 600_000;
const MEGABYTE = 2 ** 20;

export interface OwnEngine {
  engine: SupervisedEngine;
  /** Resident megabytes of its process. */
  megabytes(): number;
}

export async function startEngine(device: string, settings: EngineSettings): Promise<OwnEngine> {
  const before = new Set(childrenOf(process.pid));
  const engine = await SupervisedEngine.start({
    id: device,
    settings,
    memoryBudgetBytes: Number.POSITIVE_INFINITY,
    startTimeoutMs: PATIENCE_MS,
    requestTimeoutMs: PATIENCE_MS,
    logger: pino({ level: 'silent' }),
  });
  const pid = childrenOf(process.pid).find((child) => !before.has(child)) ?? 0;
  return { engine, megabytes: () => useOf(pid).memory / MEGABYTE };
}
