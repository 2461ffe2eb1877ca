/** An engine whose runs take fake time and whose death can be called: the real one is tested in test/engine. */
import type { Engine, EngineState } from '../../src/engine/engine.js';
import { EngineDiedError, EngineRequestError } from '../../src/engine/engine-process.js';
import type { BatchOutput, BatchSpec, BundleSpec, LoadOutput } from '../../src/engine/protocol.js';

export interface FakeEngineOptions {
  id?: string;
  runMs?: number;
  loadMs?: number;
  padsBatches?: boolean;
  memoryBudgetBytes?: number;
  targets?: Engine['targets'];
}

export class FakeEngine implements Engine {
  readonly id: string;
  readonly padsBatches: boolean;
  readonly memoryBudgetBytes: number;
  readonly targets: Engine['targets'];
  state: EngineState = 'ready';
  restarts = 0;
  /** Seeds of every batch, in the order they were handed over. */
  readonly batches: number[][] = [];
  /** Of those, the ones that started to run. */
  readonly started: number[][] = [];
  readonly runSizes: number[] = [];
  readonly loads: string[] = [];
  readonly unloads: string[] = [];
  /** A run of a batch with this seed kills the engine. */
  killerSeed: number | undefined;
  /** A run of a batch with this seed fails, and the engine lives on. */
  failingSeed: number | undefined;
  readonly #options: Required<Pick<FakeEngineOptions, 'runMs' | 'loadMs'>>;
  readonly #listeners: ((reason: string) => void)[] = [];
  #tail: Promise<unknown> = Promise.resolve();
  #life = 0;
  #death: ((error: Error) => void)[] = [];

  constructor(options: FakeEngineOptions = {}) {
    this.id = options.id ?? 'fake:0';
    this.padsBatches = options.padsBatches ?? false;
    this.targets = options.targets ?? ['cpu'];
    this.memoryBudgetBytes = options.memoryBudgetBytes ?? 1e9;
    this.#options = { runMs: options.runMs ?? 100, loadMs: options.loadMs ?? 10 };
  }

  async ready(): Promise<void> {
    while (this.state === 'restarting') await sleep(1);
  }

  load(bundle: BundleSpec): Promise<LoadOutput> {
    this.loads.push(bundle.id);
    return this.#inOrder(async () => {
      await sleep(this.#options.loadMs);
      return {
        loadMs: this.#options.loadMs,
        warmUpMs: 0,
        runMs: [{ batchSize: 1, milliseconds: this.#options.runMs }],
      };
    });
  }

  unload(bundle: string): Promise<void> {
    this.unloads.push(bundle);
    return this.#inOrder(async () => undefined);
  }

  run(batch: BatchSpec): Promise<BatchOutput> {
    const seeds = [...batch.seeds];
    this.batches.push(seeds);
    this.runSizes.push(batch.runSize);
    return this.#inOrder(async () => {
      this.started.push(seeds);
      await sleep(this.#options.runMs);
      if (this.killerSeed !== undefined && seeds.includes(this.killerSeed)) this.die('a seed killed it');
      if (this.failingSeed !== undefined && seeds.includes(this.failingSeed))
        throw new EngineRequestError('no');
      return {
        images: batch.images.slice(),
        waitMs: 0,
        runMs: this.#options.runMs,
        embeddingHits: 0,
        embeddingMisses: 0,
      };
    });
  }

  onRestart(listener: (reason: string) => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    this.state = 'closed';
  }

  /** Ends this life: everything asked of it fails, and after 500 ms it is back with nothing loaded. */
  die(reason: string): void {
    this.#life++;
    this.restarts++;
    this.state = 'restarting';
    this.#tail = Promise.resolve();
    for (const reject of this.#death.splice(0)) reject(new EngineDiedError(reason));
    setTimeout(() => {
      this.state = 'ready';
    }, 500);
    for (const listener of this.#listeners) listener(reason);
  }

  #inOrder<T>(action: () => Promise<T>): Promise<T> {
    const life = this.#life;
    const result = this.#tail.then(() => {
      if (life !== this.#life) throw new EngineDiedError('died before');
      return action();
    });
    this.#tail = result.catch(() => undefined);
    return new Promise((resolve, reject) => {
      this.#death.push(reject);
      result.then(resolve, reject);
    });
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
