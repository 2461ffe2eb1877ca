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
  /** Instances that `multiply` makes of a bundle; 0 on a device that runs one batch at a time. */
  readonly maxInstances: number;
  /** Instances of a loaded bundle that can run side by side now; 0 before `multiply` and where it failed. */
  instances(bundle: string): number;
  /**
   * Loads a loaded bundle `maxInstances` times more, each to run on its share of the device's threads. Runs side by side
   * waste less than one on all threads, and each takes longer: it pays where pictures wait for each other.
   * @throws EngineRequestError with the reason where that failed: then there are none
   */
  multiply(bundle: string): Promise<void>;
  /** Unloads the instances that `multiply` made, after the runs already handed to them. */
  reduce(bundle: string): Promise<void>;
  /** @param instance 0: on the whole device; 1 to `instances(…)`: on a share of it, beside others */
  run(batch: BatchSpec, instance?: number): Promise<BatchOutput>;
  /** Told after every death of the engine, before its replacement is up: nothing is resident any more. */
  onRestart(listener: (reason: string) => void): void;
  close(): Promise<void>;
}
