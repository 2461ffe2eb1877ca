/** The loads of one device: of bundles that jobs wait for, and of those that are to be there whether asked for or not. */
import type { Bundle } from '../bundles/bundle.js';
import type { Residency } from '../bundles/residency.js';
import type { Img2ImgError } from '../errors.js';

/** What is in use leaves no room: after this long it is asked again whether there is some. */
const RETRY_WHEN_FULL_MS = 5_000;

interface Wanted {
  bundle: Bundle;
  retryTimer: NodeJS.Timeout | undefined;
}

export interface DeviceLoadsOptions {
  onLoaded(): void;
  onFailed(bundle: Bundle, error: Img2ImgError): void;
  /** Whether a job waits for a bundle, or is made by it. */
  isAwaited(id: string): boolean;
}

export class DeviceLoads {
  readonly #residency: Residency;
  readonly #options: DeviceLoadsOptions;
  /** Bundles whose load, once ended, is told of. */
  readonly #awaited = new Set<string>();
  /** By id, until they are loaded. */
  readonly #wanted = new Map<string, Wanted>();

  constructor(residency: Residency, options: DeviceLoadsOptions) {
    this.#residency = residency;
    this.#options = options;
  }

  load(bundle: Bundle): void {
    const { id } = bundle;
    // Whoever began the load (preloading, POST …/load): those who wait for it here must be told of its end.
    if (this.#awaited.has(id)) return;
    this.#awaited.add(id);
    this.#residency.ensure(bundle).then(
      () => {
        this.#awaited.delete(id);
        this.forget(id);
        this.#options.onLoaded();
      },
      (error) => {
        this.#awaited.delete(id);
        this.#retryLater(id);
        this.#options.onFailed(bundle, error);
      },
    );
  }

  /**
   * From now on, whenever a load of the bundle fails, another one follows: of a server that is not ready nobody asks for
   * anything.
   */
  want(bundle: Bundle): void {
    this.forget(bundle.id);
    this.#wanted.set(bundle.id, { bundle, retryTimer: undefined });
  }

  loadWanted(): void {
    for (const wanted of this.#wanted.values()) this.#loadBesideOthers(wanted);
  }

  /** The bundle is not wanted any more, or has come. */
  forget(id: string): void {
    clearTimeout(this.#wanted.get(id)?.retryTimer);
    this.#wanted.delete(id);
  }

  close(): void {
    for (const id of [...this.#wanted.keys()]) this.forget(id);
  }

  #retryLater(id: string): void {
    const wanted = this.#wanted.get(id);
    const inMs = this.#residency.retryInMs(id, performance.now());
    // Where it did not fail, it was the engine that is closed, or away: what is wanted is loaded when that is back.
    if (wanted === undefined || inMs === undefined || inMs === Number.POSITIVE_INFINITY) return;
    this.#tryIn(inMs, wanted);
  }

  /** Nobody waits for it: those that are in use do not leave for it. */
  #loadBesideOthers(wanted: Wanted): void {
    const isAwaited = (id: string): boolean => this.#options.isAwaited(id);
    const hasRoom = this.#residency.room.fitsBesideUsed(wanted.bundle, isAwaited, performance.now());
    if (hasRoom) this.load(wanted.bundle);
    else this.#tryIn(RETRY_WHEN_FULL_MS, wanted);
  }

  #tryIn(milliseconds: number, wanted: Wanted): void {
    clearTimeout(wanted.retryTimer);
    wanted.retryTimer = setTimeout(() => this.#loadBesideOthers(wanted), milliseconds);
    // It must not keep the process alive.
    wanted.retryTimer.unref();
  }
}
