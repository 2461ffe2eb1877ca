/** Which bundles one device holds: load, unload, and the least recently used out when memory runs short. */
import type { Engine } from '../engine/engine.js';
import { EngineDiedError, EngineRequestError } from '../engine/engine-process.js';
import type { LoadOutput } from '../engine/protocol.js';
import { Img2ImgError, messageOf } from '../errors.js';
import type { Bundle } from './bundle.js';
import { bundleSpec } from './bundle-spec.js';
import { Instances, type InstancesOptions } from './instances.js';
import { residentBytes } from './resident-bytes.js';
import { type Claim, type Resident, type Room, roomFor, stayMs } from './room.js';

export type ResidencyState = 'unloaded' | 'loading' | 'loaded' | 'failed';

export interface BundleResidency {
  device: string;
  state: ResidencyState;
  /** Bytes counted against the device's budget; absent while unloaded. */
  bytes?: number;
  /** Why the last load failed. */
  reason?: string;
}

interface Entry extends Resident {
  state: ResidencyState;
  lastUsed: number;
  loading: Promise<void> | undefined;
  unloading: Promise<void> | undefined;
  reason: string | undefined;
  /** Loads of it in a row that the engine did not survive. */
  deadly: number;
  /** Of a failed one: until then it is not tried again. */
  retryAt: number;
  /** Unloaded on purpose, by hand or to make room; not lost with its engine. */
  released: boolean;
}

/** A load that failed is not tried again at once: every waiting request would repeat it. */
const RETRY_LOAD_AFTER_MS = 5_000;
/** One that kills the engine takes all others' pictures with it: each time, it is left alone for twice as long. */
const MAX_RETRY_LOAD_AFTER_MS = 300_000;

/** An engine may die under a load by somebody else's fault once; the second time the bundle is to blame. */
const MAX_DEATHS_UNDER_LOAD = 2;

export interface ResidencyOptions extends InstancesOptions {
  /** Batch sizes to warm up, ascending. */
  batchSizes(bundle: Bundle): number[];
  /** Checks the files of a bundle before its first load. @throws Error naming the file that differs */
  verify(bundle: Bundle): Promise<void>;
  onLoaded(bundle: Bundle, output: LoadOutput): void;
  onFailed(bundle: Bundle, reason: string): void;
  onUnloaded(bundle: Bundle): void;
}

export class Residency {
  readonly #engine: Engine;
  readonly #options: ResidencyOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #instances: Instances;
  /** Loads go one at a time: two that make room at once would wait for each other to leave. */
  #lastLoad: Promise<void> = Promise.resolve();
  #clock = 0;

  constructor(engine: Engine, options: ResidencyOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#instances = new Instances(engine, options);
  }

  describe(id: string): BundleResidency {
    const entry = this.#entries.get(id);
    const device = this.#engine.id;
    if (entry === undefined || entry.state === 'unloaded') return { device, state: 'unloaded' };
    if (entry.state === 'failed') return { device, state: 'failed', reason: entry.reason ?? '' };
    return { device, state: entry.state, bytes: this.#bytes(entry) };
  }

  isLoaded(id: string): boolean {
    return this.#entries.get(id)?.state === 'loaded';
  }

  /** Whether it was unloaded on purpose: nobody waits for it to come back. */
  isReleased(id: string): boolean {
    const entry = this.#entries.get(id);
    return entry?.state === 'unloaded' && entry.released;
  }

  loadedCount(): number {
    return this.#byAge().loaded.length;
  }

  /** Marks a bundle as used just now, so that others leave before it. @param instance where it runs */
  touch(id: string, instance = 0): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) {
      entry.lastUsed = ++this.#clock;
      entry.usedAt = performance.now();
    }
    if (instance > 0) this.#instances.touch(id);
  }

  /**
   * Loads the bundle unless it is there, after making room for it; again in a new engine where the first one dies.
   * @throws Img2ImgError `model_unavailable` when it cannot be loaded, with the reason; `engine_unavailable` when the
   *   engine is closed meanwhile
   */
  async ensure(bundle: Bundle): Promise<void> {
    const { target } = bundle.manifest;
    if (!this.#engine.targets.includes(target)) {
      throw this.#unavailable(bundle, `its graphs are made for ${target}`);
    }
    const known = this.#entries.get(bundle.id);
    if (known?.state === 'loaded') return this.touch(bundle.id);
    if (known?.loading !== undefined) return known.loading;
    if (hasJustFailed(known, performance.now())) {
      throw this.#unavailable(bundle, known?.reason ?? '');
    }
    const entry: Entry = {
      bundle,
      state: 'loading',
      bytes: residentBytes(bundle),
      lastUsed: ++this.#clock,
      loading: undefined,
      unloading: undefined,
      reason: undefined,
      deadly: known?.deadly ?? 0,
      retryAt: 0,
      released: false,
      staysUntil: 0,
      usedAt: 0,
    };
    this.#entries.set(bundle.id, entry);
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
    const known = this.#entries.get(bundle.id);
    const bytes = residentBytes(bundle);
    const budgetBytes = this.#engine.memoryBudgetBytes;
    // On its way already, or to be refused, which nobody should have to wait for.
    if (known?.loading !== undefined || hasJustFailed(known, now) || bytes > budgetBytes) return { inMs: 0 };
    return roomFor(bytes, { budgetBytes, ...this.#byAge() }, claimOf, now);
  }

  /** Whether a bundle may be loaded with nobody leaving for it. */
  fits(bundle: Bundle): boolean {
    return residentBytes(bundle) <= this.#freeBytes();
  }

  /** Unloads the bundle after the batches already handed to the engine; a load under way is waited for. */
  async unload(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    if (entry.loading !== undefined) await entry.loading.catch(() => undefined);
    // Whoever asks again must not be told that the memory is free before it is.
    if (entry.unloading !== undefined) return entry.unloading;
    // Told to forget it, it forgets its failure too.
    if (entry.state === 'failed') this.#entries.delete(id);
    if (entry.state !== 'loaded') return;
    entry.unloading = this.#unload(entry).finally(() => {
      entry.unloading = undefined;
    });
    return entry.unloading;
  }

  /** Has instances of a loaded bundle made in the background, where there is memory for them (`Instances.multiply`). */
  multiply(bundle: Bundle): void {
    if (!this.isLoaded(bundle.id)) return;
    this.#instances.multiply(bundle, this.#freeBytes());
  }

  /** The engine died: what was loaded is gone. Loads under way fail by themselves. */
  reset(): Bundle[] {
    const lost = this.#byAge().loaded;
    for (const entry of lost) {
      entry.state = 'unloaded';
      this.#instances.forget(entry.bundle.id);
      this.#options.onUnloaded(entry.bundle);
    }
    return lost.map((entry) => entry.bundle);
  }

  async #load(entry: Entry): Promise<void> {
    const { bundle } = entry;
    try {
      await this.#options.verify(bundle);
      const load = this.#lastLoad.then(() => this.#loadInTurn(entry));
      this.#lastLoad = load.catch(() => undefined);
      await load;
    } catch (error) {
      if (this.#engine.state === 'closed') {
        entry.state = 'unloaded';
        throw new Img2ImgError('engine_unavailable', `${this.#engine.id} was closed.`, { cause: error });
      }
      entry.state = 'failed';
      entry.reason = messageOf(error);
      const patience = RETRY_LOAD_AFTER_MS * 2 ** entry.deadly;
      entry.retryAt = performance.now() + Math.min(patience, MAX_RETRY_LOAD_AFTER_MS);
      entry.deadly = error instanceof EngineDiedError ? entry.deadly + 1 : 0;
      this.#options.onFailed(bundle, entry.reason);
      throw this.#unavailable(bundle, entry.reason, error);
    }
  }

  async #loadInTurn(entry: Entry): Promise<void> {
    const { bundle } = entry;
    for (let deaths = 1; ; deaths++) {
      try {
        await this.#makeRoom(entry);
        const output = await this.#engine.load(bundleSpec(bundle, this.#options.batchSizes(bundle)));
        entry.state = 'loaded';
        entry.deadly = 0;
        entry.staysUntil = performance.now() + stayMs(output);
        // From now on, not from when it was asked for: whoever waits for it comes in a moment.
        this.touch(bundle.id);
        this.#options.onLoaded(bundle, output);
        return;
      } catch (error) {
        // One that failed at its warm-up lies in the engine all the same.
        if (error instanceof EngineRequestError) await this.#engine.unload(bundle.id).catch(() => undefined);
        if (!(error instanceof EngineDiedError) || deaths >= MAX_DEATHS_UNDER_LOAD) throw error;
        await this.#engine.ready();
      }
    }
  }

  async #unload(entry: Entry): Promise<void> {
    const { id } = entry.bundle;
    entry.state = 'unloaded';
    entry.released = true;
    this.#instances.forget(id);
    await this.#engine.unload(id).catch((error) => {
      // Gone with its engine is unloaded too.
      if (!(error instanceof EngineDiedError)) throw error;
    });
    this.#options.onUnloaded(entry.bundle);
  }

  async #makeRoom(entry: Entry): Promise<void> {
    const budget = this.#engine.memoryBudgetBytes;
    if (entry.bytes > budget) {
      throw new Error(
        `it needs ${megabytes(entry.bytes)} MB and the memory budget of ${this.#engine.id} is ${megabytes(budget)} MB`,
      );
    }
    for (;;) {
      if (this.#usedBytes() + entry.bytes <= budget) return;
      const { loaded } = this.#byAge();
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

  /** What is there and what is on its way, least recently used first. */
  #byAge(): { loaded: Entry[]; loading: Entry[] } {
    const entries = [...this.#entries.values()].sort((a, b) => a.lastUsed - b.lastUsed);
    const inState = (wanted: ResidencyState): Entry[] => entries.filter(({ state }) => state === wanted);
    return { loaded: inState('loaded'), loading: inState('loading') };
  }

  #usedBytes(): number {
    return this.#byAge().loaded.reduce((sum, entry) => sum + this.#bytes(entry), 0);
  }

  /** What is left when all that is on its way has arrived. */
  #freeBytes(): number {
    const { loading } = this.#byAge();
    return loading.reduce(
      (free, { bytes }) => free - bytes,
      this.#engine.memoryBudgetBytes - this.#usedBytes(),
    );
  }

  /** Of a bundle and its instances. */
  #bytes({ bundle, bytes }: Entry): number {
    return bytes + this.#instances.bytes(bundle.id);
  }

  #unavailable(bundle: Bundle, reason: string, cause?: unknown): Img2ImgError {
    return new Img2ImgError(
      'model_unavailable',
      `The model "${bundle.id}" could not be loaded on ${this.#engine.id}: ${reason}`,
      { details: { model: bundle.id, device: this.#engine.id, reason }, cause },
    );
  }
}

function hasJustFailed(entry: Entry | undefined, now: number): boolean {
  return entry?.state === 'failed' && now < entry.retryAt;
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
