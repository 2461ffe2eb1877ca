/** One load of a bundle into an engine, and into its successor where it does not survive it. */
import type { Engine } from '../engine/engine.js';
import { EngineDiedError, EngineRequestError } from '../engine/engine-process.js';
import type { BundleSpec, LoadOutput } from '../engine/protocol.js';

/** An engine may die under a load by somebody else's fault once; the second time the bundle is to blame. */
const MAX_DEATHS_UNDER_LOAD = 2;

/**
 * @param makeRoom asked before every try
 * @param absence aborted when an engine that is away is not waited for any longer
 * @throws EngineRequestError when the engine says that it failed; nothing of the bundle is left in it then
 * @throws EngineDiedError when it died with its successor, or was closed
 * @throws the reason of `absence`
 */
export async function loadIntoEngine(
  engine: Engine,
  bundle: BundleSpec,
  makeRoom: () => Promise<void>,
  absence: AbortSignal,
): Promise<LoadOutput> {
  for (let deaths = 1; ; deaths++) {
    try {
      await makeRoom();
      // An engine that is away would take the load when it is back, whatever was decided meanwhile.
      await unlessAborted(engine.ready(), absence);
      return await engine.load(bundle);
    } catch (error) {
      // One that failed at its warm-up lies in the engine all the same.
      if (error instanceof EngineRequestError) await engine.unload(bundle.id).catch(() => undefined);
      if (!(error instanceof EngineDiedError) || deaths >= MAX_DEATHS_UNDER_LOAD) throw error;
    }
  }
}

async function unlessAborted(waiting: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
  });
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([waiting, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
