/** What the server and an engine process say to each other. Plain data only: it crosses a process boundary. */
import type { DirectionGraphs, GraphFile } from '../bundles/bundle.js';
import type { Region } from './exchange.js';

export type Provider = 'cpu' | 'cuda' | 'webgpu';

/** One device as an engine process sees it. */
export interface EngineSettings {
  provider: Provider;
  /** Index of the card; 0 for the CPU. */
  deviceIndex: number;
  /** Threads of a CPU engine's operators. */
  threads: number;
  /** Instances of a small bundle that may run side by side, each on its share of the threads; 1: none. */
  instances: number;
  embeddingCacheBytes: number;
  /** Whether only preferred batch sizes may run: smaller batches are padded up to one. */
  padToPreferred: boolean;
}

/** All an engine must know of a bundle. */
export interface BundleSpec {
  id: string;
  textEncoder: GraphFile;
  directions: Record<string, DirectionGraphs>;
  embedding: { length: number; width: number };
  latent: { channels: number; downscale: number };
  /** Width and height to warm up at, in pixels. */
  nativeSize: [number, number];
  /** Batch sizes to warm up and time, ascending. */
  batchSizes: number[];
}

/** B samples of one bundle, direction and size. */
export interface BatchSpec {
  bundle: string;
  direction: string;
  width: number;
  height: number;
  /** uint8 [B,H,W,3], the conditioning images. */
  images: Uint8Array;
  /** int64 [B,L], the tokens of every sample's prompt. */
  tokens: BigInt64Array;
  /** int32 [B], the seeds of the noise. */
  seeds: Int32Array;
  /** float32 [B]; ignored by deterministic bundles. */
  gammas: Float32Array;
  /** The batch size to run at; the engine pads up to it by repeating the last sample. */
  runSize: number;
}

export interface BatchOutput {
  /** uint8 [B,H,W,3]; padding is cut off. */
  images: Uint8Array;
  /** Milliseconds of the run: prompt encoding and noise where needed, and the graphs. */
  runMs: number;
  embeddingHits: number;
  embeddingMisses: number;
}

export interface LoadOutput {
  /** Milliseconds to create the sessions, and of the first runs after that. */
  loadMs: number;
  warmUpMs: number;
  /** Measured milliseconds of one warm run per direction-independent batch size. */
  runMs: { batchSize: number; milliseconds: number }[];
  /** The size that failed at warm-up, where the bundle was loaded without it and those above. */
  failed?: { batchSize: number; reason: string };
}

export type EngineRequest =
  | { type: 'load'; bundle: BundleSpec }
  | { type: 'unload'; bundle: string }
  | { type: 'run'; batch: BatchSpec };

export type EngineOutput = LoadOutput | BatchOutput | Record<string, never>;

/**
 * A request as it is sent: the images of a batch lie in a region of the exchange where there was room, and so will its
 * pictures; then `images` is empty.
 */
export interface SentRequest {
  id: number;
  request: EngineRequest;
  /** Which instance it is for: 0 has all threads, 1 to `instances` a share each. */
  instance: number;
  region?: Region;
}

/** Server → engine. */
export type ToEngine = ({ type: 'request' } & SentRequest) | { type: 'close' };

/** Engine → server. `fatal` means the process is poisoned and about to be ended. */
export type FromEngine =
  | { type: 'ready' }
  | { type: 'start-failed'; message: string }
  | { type: 'done'; id: number; output: EngineOutput }
  | { type: 'error'; id: number; message: string; fatal: boolean };
