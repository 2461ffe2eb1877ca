/** The thread of an engine process that owns the sessions: `session.run` blocks, so nothing else lives here. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../errors.js';
import { EmbeddingCache } from './embedding-cache.js';
import { EXCHANGE_FD, writeRegion } from './exchange.js';
import { probeProvider } from './probe.js';
import type {
  BatchSpec,
  BundleSpec,
  EngineOutput,
  EngineSettings,
  FromEngine,
  LoadOutput,
  SentRequest,
} from './protocol.js';
import { ResidentBundle } from './resident-bundle.js';
import { SessionPool } from './sessions.js';

if (parentPort === null) throw new Error('worker.ts runs as a worker thread of an engine process');
const port = parentPort;
const settings = workerData as EngineSettings;
const pool = new SessionPool(settings);
const cache = new EmbeddingCache(settings.embeddingCacheBytes);
const resident = new Map<string, ResidentBundle>();

/**
 * On a CPU a batch size is run only to learn whether it is worth it, and the server is not ready before: all sizes
 * together may take this long.
 */
const WARM_UP_BUDGET_MS = 800;
const TIMED_RUNS = 2;

/** What comes with a request: when it reached this process, by the clock both threads share. */
interface Envelope extends SentRequest {
  receivedAt: number;
}

function send(message: FromEngine): void {
  port.postMessage(message);
}

async function load(spec: BundleSpec): Promise<LoadOutput> {
  const start = performance.now();
  await resident.get(spec.id)?.release(pool);
  resident.delete(spec.id);
  const bundle = await ResidentBundle.load(spec, pool);
  resident.set(spec.id, bundle);
  const loaded = performance.now();
  const runMs = await warmUp(bundle);
  return { loadMs: loaded - start, warmUpMs: performance.now() - loaded, runMs };
}

/** First runs are slow (memory planning, kernels, cuDNN's choice of algorithm); they must not be a request's. */
async function warmUp(bundle: ResidentBundle): Promise<LoadOutput['runMs']> {
  const start = performance.now();
  const measured: LoadOutput['runMs'] = [];
  const [smallest, ...larger] = bundle.spec.batchSizes;
  if (smallest === undefined) return measured;
  const warmCache = new EmbeddingCache(settings.embeddingCacheBytes);
  const first = await timeSize(bundle, smallest, TIMED_RUNS, warmCache);
  measured.push({ batchSize: smallest, milliseconds: first });
  // A GPU must see every size before a request does. On the CPU the largest that fits tells most.
  for (const batchSize of settings.padToPreferred ? larger : larger.reverse()) {
    const expected = (first / smallest) * batchSize * 2;
    if (!settings.padToPreferred && performance.now() - start + expected > WARM_UP_BUDGET_MS) continue;
    const timedRuns = settings.padToPreferred ? TIMED_RUNS : 1;
    measured.push({ batchSize, milliseconds: await timeSize(bundle, batchSize, timedRuns, warmCache) });
  }
  return measured.sort((a, b) => a.batchSize - b.batchSize);
}

/** Runs every direction once, and the first one `timedRuns` times more. @returns its shortest run in milliseconds */
async function timeSize(
  bundle: ResidentBundle,
  batchSize: number,
  timedRuns: number,
  cache: EmbeddingCache,
): Promise<number> {
  const directions = Object.keys(bundle.spec.directions);
  for (const direction of directions) await bundle.run(blankBatch(bundle.spec, direction, batchSize), cache);
  const batch = blankBatch(bundle.spec, directions[0] ?? '', batchSize);
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < timedRuns; i++) {
    const start = performance.now();
    await bundle.run(batch, cache);
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}

function blankBatch(spec: BundleSpec, direction: string, batchSize: number): BatchSpec {
  const [width, height] = spec.nativeSize;
  return {
    bundle: spec.id,
    direction,
    width,
    height,
    images: new Uint8Array(batchSize * width * height * 3),
    tokens: new BigInt64Array(batchSize * spec.embedding.length),
    seeds: new Int32Array(batchSize),
    gammas: new Float32Array(batchSize).fill(1),
    runSize: batchSize,
  };
}

async function perform({ request, region, receivedAt }: Envelope): Promise<EngineOutput> {
  switch (request.type) {
    case 'load':
      return await load(request.bundle);
    case 'unload':
      await resident.get(request.bundle)?.release(pool);
      resident.delete(request.bundle);
      return {};
    case 'run': {
      const start = performance.now();
      const bundle = resident.get(request.batch.bundle);
      if (bundle === undefined) throw new Error(`the bundle ${request.batch.bundle} is not loaded`);
      const output = await bundle.run(request.batch, cache);
      const waitMs = Math.max(0, performance.timeOrigin + start - receivedAt);
      const runMs = performance.now() - start;
      if (region === undefined) return { ...output, waitMs, runMs };
      writeRegion(EXCHANGE_FD, region, output.images);
      return { ...output, images: new Uint8Array(0), waitMs, runMs };
    }
  }
}

/** A CUDA error leaves the whole process unusable and only a new one cures it, except that memory ran out. */
function isFatal(message: string): boolean {
  if (settings.provider === 'cpu' || /out of memory|failed to allocate/i.test(message)) return false;
  return /CUDA (failure|error)|CUDNN|CUBLAS|illegal memory|device lost/i.test(message);
}

// Sessions run one after another in the order the requests came: the promise chain is the queue.
let last: Promise<void> = Promise.resolve();
port.on('message', (envelope: Envelope) => {
  last = last.then(async () => {
    try {
      send({ type: 'done', id: envelope.id, output: await perform(envelope) });
    } catch (error) {
      const message = messageOf(error);
      send({ type: 'error', id: envelope.id, message, fatal: isFatal(message) });
    }
  });
});

probeProvider(settings).then(
  () => send({ type: 'ready' }),
  (error) => send({ type: 'start-failed', message: messageOf(error) }),
);
