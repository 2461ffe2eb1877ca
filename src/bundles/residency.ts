/** Which bundles lie on one device: loaded when asked for, the least recently used out when memory runs short. */
import type { Engine } from '../engine/engine.js';
import { EngineDiedError } from '../engine/engine-process.js';
import type { LoadOutput } from '../engine/protocol.js';
import { Img2ImgError, messageOf } from '../errors.js';
import type { Bundle } from './bundle.js';
import { DeviceRoom } from './device-room.js';
import { Instances, type InstancesOptions } from './instances.js';
import { endsWithEngine, failedAgain } from './load-failure.js';
import { LoadsInTurn } from './loads-in-turn.js';
import { notLoaded } from './not-loaded.js';
import { residentBytes } from './resident-bytes.js';
import { type Entry, type ResidencyState, Residents } from './residents.js';
import { stayMs } from './room.js';

export interface BundleResidency {
  device: string;
  state: ResidencyState;
  /** Bytes of its graphs and of its instances', shared ones included; absent while unloaded. */
  bytes?: number;
  /** Why the last load failed. */
  reason?: string;
}

export interface ResidencyOptions extends InstancesOptions {
  /** Batch sizes to warm up, ascending. */
  batchSizes(bundle: Bundle): number[];
  /**
   * Checks the files of a bundle before its first load.
   * @throws LastingLoadError naming the file that differs; any other Error where a file cannot be read at present
   */
  verify(bundle: Bundle): Promise<void>;
  onLoaded(bundle: Bundle, output: LoadOutput): void;
  /** @param reason for the log, with whole paths */
  onFailed(bundle: Bundle, reason: string): void;
  onUnloaded(bundle: Bundle): void;
}

export class Residency {
  readonly #engine: Engine;
  readonly #options: ResidencyOptions;
  readonly #residents: Residents;
  readonly #instances: Instances;
  readonly #loads: LoadsInTurn;
  readonly room: DeviceRoom;
  #onLoadEnded: () => void = () => undefined;

  constructor(engine: Engine, options: ResidencyOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#loads = new LoadsInTurn(engine, () => this.#onLoadEnded());
    this.#instances = new Instances(engine, options);
    this.#residents = new Residents(engine.memoryBudgetBytes, (id) => this.#instances.bytes(id));
    this.room = new DeviceRoom(engine, this.#residents, this.#instances, {
      isLeftAlone: (id, now) => this.#isLeftAlone(id, now),
      unload: (id) => this.unload(id),
    });
  }

  /** @param listener called when a load has ended, well or badly, before the next one takes the engine */
  onLoadEnded(listener: () => void): void {
    this.#onLoadEnded = listener;
  }

  describe(id: string): BundleResidency {
    const entry = this.#residents.get(id);
    const device = this.#engine.id;
    if (entry === undefined || entry.state === 'unloaded') return { device, state: 'unloaded' };
    if (entry.state === 'failed') return { device, state: 'failed', reason: entry.failure?.reason ?? '' };
    return { device, state: entry.state, bytes: this.#residents.bytes(entry) };
  }

  isLoaded(id: string): boolean {
    return this.#residents.get(id)?.state === 'loaded';
  }

  /** Whether it was unloaded on purpose: nobody waits for it to come back. */
  isReleased(id: string): boolean {
    const entry = this.#residents.get(id);
    return entry?.state === 'unloaded' && entry.released;
  }

  /**
   * How long a bundle whose load failed is left alone still.
   * @returns milliseconds, infinite where trying again is no use; undefined where its load did not fail
   */
  retryInMs(id: string, now: number): number | undefined {
    const entry = this.#residents.get(id);
    if (entry?.state !== 'failed' || entry.failure === undefined) return undefined;
    return Math.max(0, entry.failure.retryAt - now);
  }

  loadedCount(): number {
    return this.#residents.inState('loaded').length;
  }

  /** The bundles on their way, with the milliseconds that the engine has been loading each: 0 before it is its turn. */
  loading(now: number): { bundle: Bundle; elapsedMs: number }[] {
    const { inEngine } = this.#loads;
    return this.#residents.inState('loading').map(({ bundle }) => {
      return { bundle, elapsedMs: inEngine?.bundle === bundle ? now - inEngine.since : 0 };
    });
  }

  /** The bundle that the engine is loading, if any: whatever it is handed on the whole device waits in it until that ends. */
  inEngine(): Bundle | undefined {
    return this.#loads.inEngine?.bundle;
  }

  /** Marks a bundle as used just now, so that others leave before it. @param instance where it runs */
  touch(id: string, instance = 0): void {
    this.#residents.touch(id);
    if (instance > 0) this.#instances.touch(id);
  }

  /**
   * Loads the bundle unless it is there, after making room for it; again in a new engine where the first one dies.
   * @throws Img2ImgError `model_unavailable` when it cannot be loaded, with the reason; `engine_unavailable` when the
   *   engine is closed meanwhile, or stays away (`endLoads`)
   */
  async ensure(bundle: Bundle): Promise<void> {
    const { target } = bundle.manifest;
    if (!this.#engine.targets.includes(target)) {
      throw this.#notLoaded(bundle, `its graphs are made for ${target}`);
    }
    const known = this.#residents.get(bundle.id);
    if (known?.state === 'loaded') return this.touch(bundle.id);
    if (known?.loading !== undefined) return known.loading;
    if (this.#isLeftAlone(bundle.id, performance.now())) {
      throw this.#notLoaded(bundle, known?.failure?.reason ?? '');
    }
    const entry = this.#residents.begin({ bundle, bytes: residentBytes(bundle), failure: known?.failure });
    entry.loading = this.#load(entry).finally(() => {
      entry.loading = undefined;
    });
    return entry.loading;
  }

  /** Unloads the bundle after the batches already handed to the engine; a load under way is waited for. */
  async unload(id: string): Promise<void> {
    const entry = this.#residents.get(id);
    if (entry === undefined) return;
    if (entry.loading !== undefined) {
      await entry.loading.catch(() => undefined);
      return this.unload(id);
    }
    // Whoever asks again must not be told that the memory is free before it is.
    if (entry.unloading !== undefined) return entry.unloading;
    // Lost with its engine, or not loaded in the first place: nobody is to wait for it, and its failure is forgotten.
    entry.released = true;
    entry.failure = undefined;
    const wasLoaded = entry.state === 'loaded';
    entry.state = 'unloaded';
    if (!wasLoaded) return;
    entry.unloading = this.#unload(entry).finally(() => {
      entry.unloading = undefined;
    });
    return entry.unloading;
  }

  /** Has instances of a loaded bundle made in the background, where there is memory for them (`Instances.multiply`). */
  multiply(bundle: Bundle): void {
    if (!this.isLoaded(bundle.id)) return;
    this.#instances.multiply(bundle, this.#residents.freeBytes());
  }

  /**
   * The engine died: what was loaded is gone, and what it failed to load may be tried in the next one. Loads under way
   * fail by themselves.
   * @returns what was loaded
   */
  reset(): Bundle[] {
    for (const entry of this.#residents.inState('failed')) {
      if (entry.failure === undefined || !endsWithEngine(entry.failure)) continue;
      entry.state = 'unloaded';
      entry.failure = undefined;
    }
    const lost = this.#residents.inState('loaded');
    for (const entry of lost) {
      entry.state = 'unloaded';
      this.#instances.forget(entry.bundle.id);
      this.#options.onUnloaded(entry.bundle);
    }
    return lost.map((entry) => entry.bundle);
  }

  /** The engine stays away: the loads that wait for it end. */
  endLoads(): void {
    this.#loads.end();
  }

  async #load(entry: Entry): Promise<void> {
    const { bundle } = entry;
    try {
      await this.#options.verify(bundle);
      await this.#loads.load(bundle, {
        batchSizes: this.#options.batchSizes(bundle),
        makeRoom: () => this.room.make(bundle),
        onLoaded: (output) => this.#arrive(entry, output),
      });
    } catch (error) {
      if (error instanceof Img2ImgError && error.code === 'engine_unavailable') {
        entry.state = 'unloaded';
        throw error;
      }
      if (this.#engine.state === 'closed') {
        entry.state = 'unloaded';
        throw new Img2ImgError('engine_unavailable', `${this.#engine.id} was closed.`, { cause: error });
      }
      entry.state = 'failed';
      entry.failure = failedAgain(error, bundle.modelsDir, entry.failure, performance.now());
      this.#options.onFailed(bundle, messageOf(error));
      throw this.#notLoaded(bundle, entry.failure.reason, error);
    }
  }

  #arrive(entry: Entry, output: LoadOutput): void {
    entry.state = 'loaded';
    entry.failure = undefined;
    entry.staysUntil = performance.now() + stayMs(output);
    // From now on, not from when it was asked for: whoever waits for it comes in a moment.
    this.touch(entry.bundle.id);
    this.#options.onLoaded(entry.bundle, output);
  }

  async #unload({ bundle }: Entry): Promise<void> {
    this.#instances.forget(bundle.id);
    await this.#engine.unload(bundle.id).catch((error) => {
      // Gone with its engine is unloaded too.
      if (!(error instanceof EngineDiedError)) throw error;
    });
    this.#options.onUnloaded(bundle);
  }

  #isLeftAlone(id: string, now: number): boolean {
    return (this.retryInMs(id, now) ?? 0) > 0;
  }

  #notLoaded({ id }: Bundle, reason: string, cause?: unknown): Img2ImgError {
    return notLoaded(id, this.#engine.id, reason, this.retryInMs(id, performance.now()), cause);
  }
}
