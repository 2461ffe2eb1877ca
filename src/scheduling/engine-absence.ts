/** Tells, as long as an engine is away, that those who wait for it may be done sooner elsewhere. */
import type { Engine } from '../engine/engine.js';

/** An engine is mostly back within this. */
const PATIENCE_MS = 5_000;

export class EngineAbsence {
  readonly #engine: Engine;
  readonly #onAway: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param onAway called again and again: another device may come back meanwhile */
  constructor(engine: Engine, onAway: () => void) {
    this.#engine = engine;
    this.#onAway = onAway;
  }

  /** The engine died. */
  begin(): void {
    // One that dies again while it comes back has been away all the time.
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#engine.state === 'ready') return;
      this.#onAway();
      this.begin();
    }, PATIENCE_MS);
    // It must not keep the process alive.
    this.#timer.unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
