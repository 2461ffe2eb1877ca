/**
 * Entry of an engine process: its main thread speaks with the server, a worker thread runs the sessions, and one more for
 * each instance that runs beside others.
 *
 * So the next batch arrives, and the last result leaves, while a batch runs. Started by `engine-process.ts` with
 * `fork`, its settings as JSON in the first argument.
 */
import { Worker } from 'node:worker_threads';
import { messageOf } from '../errors.js';
import { threadsOf } from './devices.js';
import { EXCHANGE_FD, readRegion } from './exchange.js';
import type { EngineSettings, FromEngine, ToEngine } from './protocol.js';

const settings = JSON.parse(process.argv[2] ?? '{}') as EngineSettings;
/** By instance; 0 has all threads. The others start with the first bundle that is loaded into them. */
const workers = new Map<number, Worker>();

function reply(message: FromEngine, then?: () => void): void {
  process.send?.(message, undefined, undefined, then);
}

function workerOf(instance: number): Worker {
  const known = workers.get(instance);
  if (known !== undefined) return known;
  const { embeddingCacheBytes, instances } = settings;
  const workerData: EngineSettings = {
    ...settings,
    threads: threadsOf(settings, instance),
    // Whole bytes: a cache takes no fraction of one.
    embeddingCacheBytes: instance === 0 ? embeddingCacheBytes : Math.floor(embeddingCacheBytes / instances),
  };
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
  workers.set(instance, worker);
  worker.on('message', (message: FromEngine) => {
    // The engine is ready with its first worker, and what another cannot start fails with what is asked of it.
    if (instance > 0 && (message.type === 'ready' || message.type === 'start-failed')) return;
    const poisoned = message.type === 'error' && message.fatal;
    reply(message, poisoned ? end : undefined);
  });
  worker.on('error', (error) => {
    process.stderr.write(`engine worker: ${error.stack ?? error.message}\n`);
    end();
  });
  worker.on('exit', end);
  return worker;
}

/**
 * Ends at once. `process.exit` waits for the workers: one in native code aborts with a complaint on stderr, and one whose
 * device hangs never ends.
 */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

process.on('message', (message: ToEngine) => {
  if (message.type === 'close') {
    end();
    return;
  }
  const { id, instance, request, region } = message;
  let worker: Worker;
  try {
    worker = workerOf(instance);
  } catch (error) {
    // The machine gives no more threads.
    reply({ type: 'error', id, message: messageOf(error), fatal: false });
    return;
  }
  if (request.type !== 'run') {
    worker.postMessage({ id, instance, request });
    return;
  }
  // Deserialised views share one pooled buffer: each gets its own, so that it can be handed to the thread for free.
  const batch = {
    ...request.batch,
    images: region === undefined ? request.batch.images.slice() : readRegion(EXCHANGE_FD, region),
    tokens: request.batch.tokens.slice(),
    seeds: request.batch.seeds.slice(),
    gammas: request.batch.gammas.slice(),
  };
  worker.postMessage({ id, instance, request: { type: 'run', batch }, region }, [
    batch.images.buffer,
    batch.tokens.buffer,
  ]);
});

// The server died without a word (kill -9): an engine nobody reads from must not live on.
process.on('disconnect', end);
// A terminal's Ctrl+C reaches the whole process group; the server ends its engines when it has drained.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

workerOf(0);
