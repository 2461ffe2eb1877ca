/** The instances of one device's bundles: asked for when a crowd comes, given back when it has been gone for a while. */
import type { Engine } from '../engine/engine.js';
import { EngineDiedError } from '../engine/engine-process.js';
import { messageOf } from '../errors.js';
import type { Bundle } from './bundle.js';
import { residentBytes } from './resident-bytes.js';

/** Copies of a bundle for its instances may take this much together; a larger one gains too little for it. */
const LARGEST_COPIES_BYTES = 256 * 2 ** 20;

/** Instances that ran nothing for this long are given back: to have them again takes a load in the background. */
const GIVE_BACK_AFTER_MS = 60_000;

/** An engine that died while they were made is not made to do it again at once: if it was of them, it costs pictures. */
const AFTER_DEATH_MS = 300_000;

interface Copies {
  bytes: number;
  /** Resolves once they are there, or cannot be had. */
  asked: Promise<void>;
  /** Set once they are there. */
  idleTimer: NodeJS.Timeout | undefined;
  /** Set while they are given back. */
  leaving: Promise<void> | undefined;
}

export interface InstancesOptions {
  /** @param reason why there are no instances; absent: there are */
  onMultiplied(bundle: Bundle, reason?: string): void;
  onGivenBack(bundle: Bundle): void;
}

export class Instances {
  readonly #engine: Engine;
  readonly #options: InstancesOptions;
  readonly #copies = new Map<string, Copies>();
  /** When the instances of a bundle that could not be had may be asked for again: never, or after the engine's death. */
  readonly #notBefore = new Map<string, number>();

  constructor(engine: Engine, options: InstancesOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  /** What the copies of a bundle take, from when they are asked for until they are gone. */
  bytes(id: string): number {
    return this.#copies.get(id)?.bytes ?? 0;
  }

  /**
   * Has the engine load a loaded bundle once more for each of its instances, in the background. Does nothing where it has
   * them, where they failed before (for a while only, the first time that the engine died meanwhile), or where they would
   * take more than `freeBytes`.
   */
  multiply(bundle: Bundle, freeBytes: number): void {
    const { id } = bundle;
    if (this.#copies.has(id) || performance.now() < (this.#notBefore.get(id) ?? 0)) return;
    const bytes = residentBytes(bundle) * this.#engine.maxInstances;
    if (bytes > Math.min(freeBytes, LARGEST_COPIES_BYTES)) return;
    const copies: Copies = { bytes, asked: Promise.resolve(), idleTimer: undefined, leaving: undefined };
    this.#copies.set(id, copies);
    copies.asked = this.#engine.multiply(id).then(
      () => {
        // Unless it was unloaded meanwhile.
        if (this.#copies.get(id) !== copies) return;
        copies.idleTimer = setTimeout(() => void this.giveBack(bundle), GIVE_BACK_AFTER_MS).unref();
        this.#options.onMultiplied(bundle);
      },
      (error) => {
        if (this.#copies.get(id) === copies) this.#copies.delete(id);
        if (this.#engine.state === 'closed') return;
        // Once it may have died of something else.
        const again = error instanceof EngineDiedError && !this.#notBefore.has(id);
        this.#notBefore.set(id, again ? performance.now() + AFTER_DEATH_MS : Number.POSITIVE_INFINITY);
        this.#options.onMultiplied(bundle, messageOf(error));
      },
    );
  }

  /** Marks the instances of a bundle as used just now. */
  touch(id: string): void {
    this.#copies.get(id)?.idleTimer?.refresh();
  }

  /** Unloads the instances of a bundle after the runs already handed to them. */
  async giveBack(bundle: Bundle): Promise<void> {
    const copies = this.#copies.get(bundle.id);
    if (copies === undefined) return;
    copies.leaving ??= this.#giveBack(bundle, copies);
    return copies.leaving;
  }

  async #giveBack(bundle: Bundle, copies: Copies): Promise<void> {
    const { id } = bundle;
    await copies.asked;
    if (this.#copies.get(id) !== copies) return;
    // Whatever went wrong: none of them runs any more, and gone with their engine they are given back too.
    await this.#engine.reduce(id).catch(() => undefined);
    if (this.#copies.get(id) !== copies) return;
    this.forget(id);
    this.#options.onGivenBack(bundle);
  }

  /** The bundle was unloaded, or lost with its engine, and its instances with it. */
  forget(id: string): void {
    clearTimeout(this.#copies.get(id)?.idleTimer);
    this.#copies.delete(id);
  }
}
