/** Which bundles lie on one device: loaded when asked for, the least recently used out when memory runs short. */
import type { Engine } from '../engine/engine.js';
import { EngineDiedError } from '../engine/engine-process.js';
import type { LoadOutput } from '../engine/protocol.js';
import { Img2ImgError } from '../errors.js';
import type { Bundle } from './bundle.js';
import { Instances, type InstancesOptions } from './instances.js';
import { LastingLoadError } from './lasting-load-error.js';
import { endsWithEngine, failedAgain } from './load-failure.js';
import { LoadsInTurn } from './loads-in-turn.js';
import { notLoaded } from './not-loaded.js';
import { residentBytes } from './resident-bytes.js';
import { type Entry, type ResidencyState, Residents } from './residents.js';
import { type Claim, type Room, roomBeside, stayMs } from './room.js';

export interface BundleResidency {
  device: string;
  state: ResidencyState;
  /** Bytes counted against the device's budget; absent while unloaded. */
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
  onFailed(bundle: Bundle, reason: string): void;
  onUnloaded(bundle: Bundle): void;
}

/** Who used a bundle within this, a person perhaps who looks at a picture, is likely to use it again. */
const UNUSED_AFTER_MS = 60_000;

export class Residency {
  readonly #engine: Engine;
  readonly #options: ResidencyOptions;
  readonly #residents: Residents;
  readonly #instances: Instances;
  readonly #loads: LoadsInTurn;

  constructor(engine: Engine, options: ResidencyOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#loads = new LoadsInTurn(engine);
    this.#instances = new Instances(engine, options);
    this.#residents = new Residents(engine.memoryBudgetBytes, (id) => this.#instances.bytes(id));
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

  /**
   * When `ensure` is to be asked for a bundle that somebody waits for, so that none is driven out that was hardly loaded.
   * @param claimOf who waits for a bundle that is loaded
   */
  roomFor(bundle: Bundle, claimOf: (id: string) => Claim, now: number): Room {
    const bytes = residentBytes(bundle);
    const budgetBytes = this.#engine.memoryBudgetBytes;
    const onItsWay = this.#residents.get(bundle.id)?.loading !== undefined;
    // Or to be refused, which nobody should have to wait for.
    if (onItsWay || this.#isLeftAlone(bundle.id, now) || bytes > budgetBytes) return { inMs: 0 };
    const [loaded, loading] = [this.#residents.inState('loaded'), this.#residents.inState('loading')];
    return roomBeside(bytes, { budgetBytes, loaded, loading }, claimOf, now);
  }

  /** Whether a bundle may be loaded with nobody leaving for it. */
  fits(bundle: Bundle): boolean {
    return residentBytes(bundle) <= this.#residents.freeBytes();
  }

  /**
   * Whether a bundle that nobody waits for may be loaded: only those leave for it that were not used for a while.
   * @param isAwaited whether somebody waits for a picture of a bundle
   */
  hasUnusedRoom(bundle: Bundle, isAwaited: (id: string) => boolean, now: number): boolean {
    if (this.#engine.state !== 'ready') return false;
    const bytes = residentBytes(bundle);
    // One that never fits is to be refused.
    if (bytes > this.#engine.memoryBudgetBytes) return true;
    let roomBytes = this.#residents.freeBytes();
    for (const entry of this.#residents.inState('loaded')) {
      if (entry.usedAt >= now - UNUSED_AFTER_MS || isAwaited(entry.bundle.id)) break;
      roomBytes += this.#residents.bytes(entry);
    }
    return bytes <= roomBytes;
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
        makeRoom: () => this.#makeRoom(entry),
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
      entry.failure = failedAgain(error, entry.failure, performance.now());
      this.#options.onFailed(bundle, entry.failure.reason);
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

  async #makeRoom(entry: Entry): Promise<void> {
    const budget = this.#engine.memoryBudgetBytes;
    if (entry.bytes > budget) {
      throw new LastingLoadError(
        `it needs ${megabytes(entry.bytes)} MB and the memory budget of ${this.#engine.id} is ${megabytes(budget)} MB`,
      );
    }
    for (;;) {
      if (this.#residents.usedBytes() + entry.bytes <= budget) return;
      const loaded = this.#residents.inState('loaded');
      // A bundle less is felt by everyone who asks for it, an instance less by a crowd only.
      const multiplied = loaded.find(({ bundle }) => this.#instances.bytes(bundle.id) > 0);
      if (multiplied !== undefined) {
        await this.#instances.giveBack(multiplied.bundle);
        continue;
      }
      const [oldest] = loaded;
      if (oldest === undefined) return;
      await this.unload(oldest.bundle.id);
    }
  }

  #isLeftAlone(id: string, now: number): boolean {
    return (this.retryInMs(id, now) ?? 0) > 0;
  }

  #notLoaded({ id }: Bundle, reason: string, cause?: unknown): Img2ImgError {
    return notLoaded(id, this.#engine.id, reason, this.retryInMs(id, performance.now()), cause);
  }
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
