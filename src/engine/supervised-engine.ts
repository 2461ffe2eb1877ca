/** An engine process that is replaced, with back-off, whenever it dies. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import type { Engine, EngineState } from './engine.js';
import { EngineDiedError, EngineProcess, EngineRequestError } from './engine-process.js';
import type { BatchOutput, BatchSpec, BundleSpec, EngineSettings, LoadOutput } from './protocol.js';

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 30_000;
/** An engine that lived this long died of something new: back-off begins anew. */
const HEALTHY_AFTER_MS = 60_000;

export interface SupervisedEngineOptions {
  id: string;
  settings: EngineSettings;
  memoryBudgetBytes: number;
  startTimeoutMs: number;
  /** After this long a load or a run counts as hung, and its process is killed. */
  requestTimeoutMs: number;
  logger: Logger;
}

interface LoadedBundle {
  spec: BundleSpec;
  instances: 'none' | 'asked' | 'loaded';
}

export class SupervisedEngine implements Engine {
  readonly id: string;
  readonly padsBatches: boolean;
  readonly targets: Engine['targets'];
  readonly memoryBudgetBytes: number;
  readonly maxInstances: number;
  readonly #options: SupervisedEngineOptions;
  readonly #restartListeners: ((reason: string) => void)[] = [];
  readonly #closing = new AbortController();
  /** The process that serves, or served last. */
  #current: EngineProcess;
  /** The same, or the one being started in its place. */
  #process: Promise<EngineProcess>;
  #state: EngineState = 'starting';
  #restarts = 0;
  /** What is loaded in the process that serves, by id. */
  readonly #loaded = new Map<string, LoadedBundle>();

  private constructor(options: SupervisedEngineOptions, first: EngineProcess) {
    this.#options = options;
    this.id = options.id;
    this.padsBatches = options.settings.padToPreferred;
    this.targets = options.settings.provider === 'cuda' ? ['cpu', 'cuda'] : ['cpu'];
    this.memoryBudgetBytes = options.memoryBudgetBytes;
    this.maxInstances = options.settings.instances > 1 ? options.settings.instances : 0;
    this.#current = first;
    this.#process = Promise.resolve(first);
    this.#state = 'ready';
    void this.#watch();
  }

  /** @throws Error with the reason when the first process does not come up: then the device cannot be had */
  static async start(options: SupervisedEngineOptions): Promise<SupervisedEngine> {
    const first = await EngineProcess.start(options.settings, options.startTimeoutMs);
    options.logger.info({ device: options.id, pid: first.pid }, 'engine ready');
    return new SupervisedEngine(options, first);
  }

  get state(): EngineState {
    // A process is given up (hung, poisoned) a moment before its end is seen: nothing may be sent to it any more.
    return this.#state === 'ready' && !this.#current.alive ? 'restarting' : this.#state;
  }

  get restarts(): number {
    return this.#restarts;
  }

  async ready(): Promise<void> {
    // Given up but not gone yet: its successor is named when its end is seen, by `#watch` before us.
    if (!this.#current.alive) await this.#current.exited;
    await this.#process;
  }

  async load(bundle: BundleSpec): Promise<LoadOutput> {
    const output = await this.#request<LoadOutput>({ type: 'load', bundle });
    this.#loaded.set(bundle.id, { spec: bundle, instances: 'none' });
    return output;
  }

  async unload(bundle: string): Promise<void> {
    const known = this.#loaded.get(bundle);
    this.#loaded.delete(bundle);
    const instances = known === undefined || known.instances === 'none' ? [0] : [0, ...this.#shares()];
    await this.#unload(bundle, instances);
  }

  instances(bundle: string): number {
    return this.#loaded.get(bundle)?.instances === 'loaded' ? this.maxInstances : 0;
  }

  async multiply(bundle: string): Promise<void> {
    const known = this.#loaded.get(bundle);
    if (known === undefined) throw new EngineRequestError(`the bundle ${bundle} is not loaded`);
    known.instances = 'asked';
    // Nobody waits for them: a first run that is slow is better than a warm-up on cores that are all taken.
    const spec = { ...known.spec, batchSizes: [] };
    const loads = this.#shares().map((instance) => this.#request({ type: 'load', bundle: spec }, instance));
    const failed = (await Promise.allSettled(loads)).find((load) => load.status === 'rejected');
    if (failed === undefined) {
      known.instances = 'loaded';
      return;
    }
    // Unless it was unloaded meanwhile, and perhaps loaded anew.
    if (this.#loaded.get(bundle) === known) {
      known.instances = 'none';
      await this.#unload(bundle, this.#shares()).catch(() => undefined);
    }
    throw failed.reason;
  }

  async reduce(bundle: string): Promise<void> {
    const known = this.#loaded.get(bundle);
    if (known?.instances !== 'loaded') return;
    known.instances = 'none';
    await this.#unload(bundle, this.#shares());
  }

  async run(batch: BatchSpec, instance = 0): Promise<BatchOutput> {
    return this.#request({ type: 'run', batch }, instance);
  }

  onRestart(listener: (reason: string) => void): void {
    this.#restartListeners.push(listener);
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    this.#closing.abort();
    const process = await this.#process.catch(() => undefined);
    await process?.close();
  }

  async #unload(bundle: string, instances: readonly number[]): Promise<void> {
    await Promise.all(instances.map((instance) => this.#request({ type: 'unload', bundle }, instance)));
  }

  async #request<T extends LoadOutput | BatchOutput | Record<string, never>>(
    request: Parameters<EngineProcess['request']>[0],
    instance = 0,
  ): Promise<T> {
    const process = await this.#process;
    return process.request<T>(request, this.#options.requestTimeoutMs, instance);
  }

  /** The instances that have a share of the threads each. */
  #shares(): number[] {
    return Array.from({ length: this.maxInstances }, (_, i) => i + 1);
  }

  async #watch(): Promise<void> {
    let backoffMs = FIRST_BACKOFF_MS;
    while (!this.#closed()) {
      const startedAt = performance.now();
      const reason = await this.#current.exited;
      if (this.#closed()) return;
      if (performance.now() - startedAt > HEALTHY_AFTER_MS) backoffMs = FIRST_BACKOFF_MS;
      this.#state = 'restarting';
      this.#restarts++;
      this.#loaded.clear();
      this.#options.logger.error(
        { device: this.id, reason, restarts: this.#restarts, backoffMs },
        'engine died',
      );
      const replacement = this.#startAgain(backoffMs);
      this.#process = replacement;
      for (const listener of this.#restartListeners) listener(reason);
      backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      // Fails only when the engine is closed; whoever waits for the replacement is told by the same promise.
      await replacement.catch(() => undefined);
    }
  }

  /** Tries until a process is up or the engine is closed. */
  async #startAgain(firstBackoffMs: number): Promise<EngineProcess> {
    const { settings, startTimeoutMs } = this.#options;
    const { signal } = this.#closing;
    for (let backoffMs = firstBackoffMs; ; backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS)) {
      try {
        await sleep(backoffMs, undefined, { signal });
        const process = await EngineProcess.start(settings, startTimeoutMs, signal);
        if (!this.#closed()) {
          this.#current = process;
          this.#state = 'ready';
          this.#options.logger.info({ device: this.id, pid: process.pid }, 'engine ready');
          return process;
        }
        await process.close();
      } catch (error) {
        if (this.#closed()) throw new EngineDiedError('the engine was closed', { cause: error });
        this.#options.logger.error(
          { device: this.id, reason: messageOf(error), backoffMs },
          'engine did not start',
        );
      }
    }
  }

  /** A method, because control flow analysis does not see that `close()` may change the state during an await. */
  #closed(): boolean {
    return this.#state === 'closed';
  }
}
