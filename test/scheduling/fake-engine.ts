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
  /** Runs on a share of the device take twice as long as on the whole of it. */
  maxInstances?: number;
}

const MULTIPLYING = -1;

export class FakeEngine implements Engine {
  readonly id: string;
  readonly padsBatches: boolean;
  readonly memoryBudgetBytes: number;
  readonly targets: Engine['targets'];
  readonly maxInstances: number;
  state: EngineState = 'ready';
  restarts = 0;
  /** Seeds of every batch, in the order they were handed over. */
  readonly batches: number[][] = [];
  /** Of those, the ones that started to run. */
  readonly started: number[][] = [];
  readonly runSizes: number[] = [];
  /** Where each batch ran. */
  readonly ranOn: number[] = [];
  /** Most runs at one time, ever. */
  mostAtOnce = 0;
  /** How often instances were asked for, and why they cannot be had. */
  multiplications = 0;
  failingMultiply: string | undefined;
  readonly loads: string[] = [];
  readonly unloads: string[] = [];
  /** A run of a batch with this seed kills the engine. */
  killerSeed: number | undefined;
  /** A run of a batch with this seed takes twice as long. */
  slowSeed: number | undefined;
  /** A run of a batch with this seed fails, and the engine lives on. */
  failingSeed: number | undefined;
  /** The first run at each picture and batch size takes this much longer, as on a GPU that chooses kernels in it. */
  firstRunExtraMs = 0;
  readonly #options: Required<Pick<FakeEngineOptions, 'runMs' | 'loadMs'>>;
  readonly #listeners: ((reason: string) => void)[] = [];
  /** The end of what each instance has to do. */
  #tails = new Map<number, Promise<unknown>>();
  #multiplied = new Set<string>();
  readonly #shapesRun = new Set<string>();
  #running = 0;
  #life = 0;
  #isGone = false;
  #death: ((error: Error) => void)[] = [];

  constructor(options: FakeEngineOptions = {}) {
    this.id = options.id ?? 'fake:0';
    this.padsBatches = options.padsBatches ?? false;
    this.targets = options.targets ?? ['cpu'];
    this.maxInstances = options.maxInstances ?? 0;
    this.memoryBudgetBytes = options.memoryBudgetBytes ?? 1e9;
    this.#options = { runMs: options.runMs ?? 100, loadMs: options.loadMs ?? 10 };
  }

  async ready(): Promise<void> {
    while (this.state === 'restarting') await sleep(1);
  }

  async load(bundle: BundleSpec): Promise<LoadOutput> {
    if (this.state === 'restarting') await this.ready();
    this.loads.push(bundle.id);
    return this.#inOrder(0, async () => {
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
    this.#multiplied.delete(bundle);
    return this.#inOrder(0, async () => undefined);
  }

  instances(bundle: string): number {
    return this.#multiplied.has(bundle) ? this.maxInstances : 0;
  }

  multiply(bundle: string): Promise<void> {
    this.multiplications++;
    // Beside the runs, in threads of its own.
    return this.#inOrder(MULTIPLYING, async () => {
      await sleep(this.#options.loadMs);
      if (this.failingMultiply !== undefined) throw new EngineRequestError(this.failingMultiply);
      this.#multiplied.add(bundle);
    });
  }

  async reduce(bundle: string): Promise<void> {
    if (!this.#multiplied.delete(bundle)) return;
    const shares = Array.from({ length: this.maxInstances }, (_, i) => i + 1);
    await Promise.all(shares.map((instance) => this.#inOrder(instance, async () => undefined)));
  }

  run(batch: BatchSpec, instance = 0): Promise<BatchOutput> {
    const seeds = [...batch.seeds];
    const runMs = this.#options.runMs * (instance === 0 ? 1 : 2) + this.#extraMs(batch);
    this.batches.push(seeds);
    this.runSizes.push(batch.runSize);
    this.ranOn.push(instance);
    return this.#inOrder(instance, async () => {
      this.started.push(seeds);
      const life = this.#life;
      this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#running);
      await sleep(this.slowSeed !== undefined && seeds.includes(this.slowSeed) ? 2 * runMs : runMs);
      if (life === this.#life) this.#running--;
      if (this.killerSeed !== undefined && seeds.includes(this.killerSeed)) this.die('a seed killed it');
      if (this.failingSeed !== undefined && seeds.includes(this.failingSeed))
        throw new EngineRequestError('no');
      return {
        images: batch.images.slice(),
        runMs,
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
    this.#tails.clear();
    this.#multiplied.clear();
    this.#running = 0;
    for (const reject of this.#death.splice(0)) reject(new EngineDiedError(reason));
    setTimeout(() => {
      if (!this.#isGone && this.state !== 'closed') this.state = 'ready';
    }, 500);
    for (const listener of this.#listeners) listener(reason);
  }

  /** Ends this life, and there is no other until `comeBack`. */
  dieForGood(): void {
    this.#isGone = true;
    this.die('fell off the bus');
  }

  comeBack(): void {
    this.#isGone = false;
    this.state = 'ready';
  }

  #extraMs({ bundle, width, height, runSize }: BatchSpec): number {
    const shape = `${bundle} ${width}x${height} ${runSize}`;
    if (this.#shapesRun.has(shape)) return 0;
    this.#shapesRun.add(shape);
    return this.firstRunExtraMs;
  }

  #inOrder<T>(instance: number, action: () => Promise<T>): Promise<T> {
    const life = this.#life;
    const before = this.#tails.get(instance) ?? Promise.resolve();
    const result = before.then(() => {
      if (life !== this.#life) throw new EngineDiedError('died before');
      return action();
    });
    this.#tails.set(
      instance,
      result.catch(() => undefined),
    );
    return new Promise((resolve, reject) => {
      this.#death.push(reject);
      result.then(resolve, reject);
    });
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
