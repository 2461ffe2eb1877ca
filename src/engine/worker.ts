/** The thread of an engine process that owns the sessions: `session.run` blocks, so nothing else lives here. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../errors.js';
import { EmbeddingCache } from './embedding-cache.js';
import { EXCHANGE_FD, writeRegion } from './exchange.js';
import { isFatal } from './fatal-error.js';
import { inTurn } from './in-turn.js';
import { loadWithRoom } from './load-with-room.js';
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
import { warmUp } from './warm-up.js';

if (parentPort === null) throw new Error('worker.ts runs as a worker thread of an engine process');
const port = parentPort;
const settings = workerData as EngineSettings;
const pool = new SessionPool(settings);
const cache = new EmbeddingCache(settings.embeddingCacheBytes);
const resident = new Map<string, ResidentBundle>();

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
  const warmCache = new EmbeddingCache(settings.embeddingCacheBytes);
  const warmedUp = await warmUp({
    directions: Object.keys(spec.directions),
    batchSizes: spec.batchSizes,
    everySize: settings.padToPreferred,
    run: async (direction, batchSize) => {
      await bundle.run(blankBatch(spec, direction, batchSize), warmCache);
    },
    isFatal: (error) => isFatal(messageOf(error), settings.provider),
  });
  return { loadMs: loaded - start, warmUpMs: performance.now() - loaded, ...warmedUp };
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

async function perform({ request, region }: SentRequest): Promise<EngineOutput> {
  switch (request.type) {
    case 'load':
      return await loadWithRoom(request.bundle, load);
    case 'unload':
      await resident.get(request.bundle)?.release(pool);
      resident.delete(request.bundle);
      return {};
    case 'run': {
      const start = performance.now();
      const bundle = resident.get(request.batch.bundle);
      if (bundle === undefined) throw new Error(`the bundle ${request.batch.bundle} is not loaded`);
      const output = await bundle.run(request.batch, cache);
      const runMs = performance.now() - start;
      if (region === undefined) return { ...output, runMs };
      writeRegion(EXCHANGE_FD, region, output.images);
      return { ...output, images: new Uint8Array(0), runMs };
    }
  }
}

port.on('message', inTurn({ perform, isFatal: (message) => isFatal(message, settings.provider), send }));

probeProvider(settings).then(
  () => send({ type: 'ready' }),
  (error) => send({ type: 'start-failed', message: messageOf(error) }),
);
