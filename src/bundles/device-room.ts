/** The room on one device: whether there is some for a bundle, when there will be, and how it is made. */
import type { Engine } from '../engine/engine.js';
import type { Bundle } from './bundle.js';
import type { Instances } from './instances.js';
import { LastingLoadError } from './lasting-load-error.js';
import { residentBytes } from './resident-bytes.js';
import type { Entry, Residents } from './residents.js';
import { type Claim, type Room, roomBeside } from './room.js';

/** Who used a bundle within this, a person perhaps who looks at a picture, is likely to use it again. */
const UNUSED_AFTER_MS = 60_000;

export interface DeviceRoomOptions {
  /** Whether a bundle failed to load and is not to be tried again yet. */
  isLeftAlone(id: string, now: number): boolean;
  /** Resolves when the memory of a bundle is free. */
  unload(id: string): Promise<void>;
}

export class DeviceRoom {
  readonly #engine: Engine;
  readonly #residents: Residents;
  readonly #instances: Instances;
  readonly #options: DeviceRoomOptions;

  constructor(engine: Engine, residents: Residents, instances: Instances, options: DeviceRoomOptions) {
    this.#engine = engine;
    this.#residents = residents;
    this.#instances = instances;
    this.#options = options;
  }

  /**
   * When `Residency.ensure` is to be asked for a bundle that somebody waits for: so that none is driven out that was hardly
   * loaded.
   * @param claimOf who waits for a bundle that is loaded
   */
  when(bundle: Bundle, claimOf: (id: string) => Claim, now: number): Room {
    const budgetBytes = this.#engine.memoryBudgetBytes;
    const onItsWay = this.#residents.get(bundle.id)?.loading !== undefined;
    // Or to be refused, which nobody should have to wait for.
    if (onItsWay || this.#options.isLeftAlone(bundle.id, now) || !this.#everFits(bundle)) return { inMs: 0 };
    const [loaded, loading] = [this.#residents.inState('loaded'), this.#residents.inState('loading')];
    return roomBeside(bundle, { budgetBytes, loaded, loading }, claimOf, now);
  }

  /** Whether a bundle may be loaded with nobody leaving for it. */
  fits(bundle: Bundle): boolean {
    return this.#residents.freeBytesBeside([...this.#residents.bundlesIn('loaded', 'loading'), bundle]) >= 0;
  }

  /**
   * Whether a bundle that nobody waits for may be loaded: only those leave for it that were not used for a while.
   * @param isAwaited whether somebody waits for a picture of a bundle
   */
  fitsBesideUsed(bundle: Bundle, isAwaited: (id: string) => boolean, now: number): boolean {
    if (this.#engine.state !== 'ready') return false;
    // One that never fits is to be refused.
    if (!this.#everFits(bundle)) return true;
    const loaded = this.#residents.inState('loaded');
    const isUsed = (entry: Entry): boolean =>
      entry.usedAt >= now - UNUSED_AFTER_MS || isAwaited(entry.bundle.id);
    const firstUsed = loaded.findIndex(isUsed);
    const staying = firstUsed === -1 ? [] : loaded.slice(firstUsed).map((entry) => entry.bundle);
    return (
      this.#residents.freeBytesBeside([...staying, ...this.#residents.bundlesIn('loading'), bundle]) >= 0
    );
  }

  /**
   * Has those leave that were used least recently, until there is room.
   * @throws LastingLoadError where there never will be, with both numbers
   */
  async make(bundle: Bundle): Promise<void> {
    if (!this.#everFits(bundle)) {
      const [bytes, budget] = [residentBytes(bundle), this.#engine.memoryBudgetBytes];
      throw new LastingLoadError(
        `it needs ${megabytes(bytes)} MB and the memory budget of ${this.#engine.id} is ${megabytes(budget)} MB`,
      );
    }
    for (;;) {
      if (this.#residents.freeBytesBeside([...this.#residents.bundlesIn('loaded'), bundle]) >= 0) return;
      const loaded = this.#residents.inState('loaded');
      // A bundle less is felt by everyone who asks for it, an instance less by a crowd only.
      const multiplied = loaded.find((entry) => this.#instances.bytes(entry.bundle.id) > 0);
      if (multiplied !== undefined) {
        await this.#instances.giveBack(multiplied.bundle);
        continue;
      }
      const [oldest] = loaded;
      if (oldest === undefined) return;
      await this.#options.unload(oldest.bundle.id);
    }
  }

  #everFits(bundle: Bundle): boolean {
    return residentBytes(bundle) <= this.#engine.memoryBudgetBytes;
  }
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
