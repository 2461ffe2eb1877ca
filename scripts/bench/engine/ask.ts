/** Has a process of its own do one task with raw sessions. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { engineSettings, parseDevices } from '../../../src/engine/devices.js';
import type { EngineSettings } from '../../../src/engine/protocol.js';
import type { Options } from '../options.js';
import type { EngineAnswer, EngineTask } from './child.js';

const ENTRY = new URL('./child.js', import.meta.url);

/** @throws Error when the process ends without an answer: its complaint is on the error stream */
export async function askEngine(task: EngineTask): Promise<EngineAnswer> {
  const child = fork(ENTRY, { serialization: 'advanced' });
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`the engine's process ended with code ${code}`);
  });
  exited.catch(() => undefined);
  const answered = once(child, 'message').then(([answer]) => answer as EngineAnswer);
  child.send(task);
  return Promise.race([answered, exited]);
}

/** The settings that the server would start this device's engine with. */
export function settingsOf(options: Options): EngineSettings {
  const [device] = parseDevices([options.device]);
  if (device === undefined) throw new Error('no device');
  return engineSettings(device, {
    cpuInstances: Number(process.env.CPU_INSTANCES ?? 0),
    cpuThreads: options.threads,
    cpuEngines: 1,
    embeddingCacheBytes: 2 ** 20,
  });
}
