/** Memory of a graphics card, as its driver tells it. */
import { execFileSync } from 'node:child_process';

/**
 * Megabytes in use on a card, by whomever: in a container the driver knows processes by other numbers than we do, so what a
 * process takes is told by the card before it and with it.
 * @returns undefined where no driver answers
 */
export function gpuMemoryInUse(index: number): number | undefined {
  try {
    const query = ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '-i', String(index)];
    const text = execFileSync('nvidia-smi', query, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const megabytes = Number.parseInt(text, 10);
    return Number.isFinite(megabytes) ? megabytes : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Begins a measurement of one engine's card.
 * @returns a function that gives the megabytes it has grown by since; undefined for an engine without a card
 */
export function watchGpuMemory(engine: { provider: string; deviceIndex: number }): () => number | undefined {
  if (engine.provider !== 'cuda') return () => undefined;
  const before = gpuMemoryInUse(engine.deviceIndex);
  return () => {
    const now = gpuMemoryInUse(engine.deviceIndex);
    return before === undefined || now === undefined ? undefined : now - before;
  };
}
