/** What the scheduler asks of a device. A device need not be local: anything that keeps these promises will do. */
import type { Manifest } from '../bundles/manifest.js';
import type { BatchOutput, BatchSpec, BundleSpec, LoadOutput } from './protocol.js';

export type EngineState = 'starting' | 'ready' | 'restarting' | 'closed';

export interface Engine {
  readonly id: string;
  readonly state: EngineState;
  readonly restarts: number;
  /** Whether only preferred batch sizes may run (a GPU, whose kernels are chosen per shape). */
  readonly padsBatches: boolean;
  /** Graphs of which `target` (of a manifest) it runs: those made of CUDA's operators run on CUDA only. */
  readonly targets: readonly Manifest['target'][];
  /** Bytes of graphs the device may hold. */
  readonly memoryBudgetBytes: number;
  /** Resolves once the engine is up. @throws EngineDiedError when it was closed */
  ready(): Promise<void>;
  load(bundle: BundleSpec): Promise<LoadOutput>;
  unload(bundle: string): Promise<void>;
  run(batch: BatchSpec): Promise<BatchOutput>;
  /** Told after every death of the engine, before its replacement is up: nothing is resident any more. */
  onRestart(listener: (reason: string) => void): void;
  close(): Promise<void>;
}
