/** The loads of one engine, one after another: two that make room at once would wait for each other to leave. */
import type { Engine } from '../engine/engine.js';
import { engineAway } from '../engine/engine-away.js';
import type { LoadOutput } from '../engine/protocol.js';
import type { Bundle } from './bundle.js';
import { bundleSpec } from './bundle-spec.js';
import { loadIntoEngine } from './engine-load.js';

export interface LoadTurn {
  /** To warm up at, ascending. */
  batchSizes: number[];
  /** Asked when it is its turn, and before it is tried again. */
  makeRoom(): Promise<void>;
  /** Told before the next load makes room. */
  onLoaded(output: LoadOutput): void;
}

export class LoadsInTurn {
  readonly #engine: Engine;
  readonly #onEnded: () => void;
  #last: Promise<unknown> = Promise.resolve();
  #absence = new AbortController();
  #inEngine: { bundle: Bundle; since: number } | undefined;

  /** @param onEnded called after every load, failed ones too, before the next takes the engine */
  constructor(engine: Engine, onEnded: () => void) {
    this.#engine = engine;
    this.#onEnded = onEnded;
  }

  /** What the engine is loading, if anything, and since when: the other loads wait for it out here. */
  get inEngine(): { bundle: Bundle; since: number } | undefined {
    return this.#inEngine;
  }

  /**
   * Loads a bundle when those before it have been loaded.
   * @throws what `loadIntoEngine` says; Img2ImgError `engine_unavailable` when it was ended
   */
  load(bundle: Bundle, turn: LoadTurn): Promise<void> {
    const absence = this.#absence.signal;
    const load = this.#last.then(() => this.#load(bundle, turn, absence));
    this.#last = load.catch(() => undefined);
    return load;
  }

  /** The engine stays away: nobody can tell for how long, so the loads that wait for it end. */
  end(): void {
    this.#absence.abort(engineAway(this.#engine.id));
    this.#absence = new AbortController();
  }

  async #load(bundle: Bundle, turn: LoadTurn, absence: AbortSignal): Promise<void> {
    const makeRoom = async (): Promise<void> => {
      await turn.makeRoom();
      this.#inEngine = { bundle, since: performance.now() };
    };
    const spec = bundleSpec(bundle, turn.batchSizes);
    try {
      const output = await loadIntoEngine(this.#engine, spec, makeRoom, absence).finally(() => {
        this.#inEngine = undefined;
      });
      turn.onLoaded(output);
    } finally {
      this.#onEnded();
    }
  }
}
