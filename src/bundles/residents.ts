/** The bundles of one device: what lies in its memory, what is on its way there, and how much room they leave. */
import type { Bundle } from './bundle.js';
import type { LoadFailure } from './load-failure.js';
import { bytesTogether } from './resident-bytes.js';
import type { Resident } from './room.js';

export type ResidencyState = 'unloaded' | 'loading' | 'loaded' | 'failed';

export interface Entry extends Resident {
  state: ResidencyState;
  /** Of itself, whatever it shares. */
  bytes: number;
  lastUsed: number;
  loading: Promise<void> | undefined;
  unloading: Promise<void> | undefined;
  /** How the last load failed; kept while the next one is under way. */
  failure: LoadFailure | undefined;
  /** Unloaded on purpose, by hand or to make room; not lost with its engine. */
  released: boolean;
}

export class Residents {
  readonly #entries = new Map<string, Entry>();
  readonly #budgetBytes: number;
  readonly #instanceBytes: (id: string) => number;
  #clock = 0;

  /** @param instanceBytes what the instances of a bundle take beside it */
  constructor(budgetBytes: number, instanceBytes: (id: string) => number) {
    this.#budgetBytes = budgetBytes;
    this.#instanceBytes = instanceBytes;
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** A bundle begins to be loaded. */
  begin(resident: Pick<Entry, 'bundle' | 'bytes' | 'failure'>): Entry {
    const entry: Entry = {
      ...resident,
      state: 'loading',
      lastUsed: ++this.#clock,
      loading: undefined,
      unloading: undefined,
      released: false,
      staysUntil: 0,
      usedAt: 0,
    };
    this.#entries.set(entry.bundle.id, entry);
    return entry;
  }

  /** Marks a bundle as used just now. */
  touch(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.lastUsed = ++this.#clock;
    entry.usedAt = performance.now();
  }

  /** Least recently used first. */
  inState(wanted: ResidencyState): Entry[] {
    const entries = [...this.#entries.values()].filter(({ state }) => state === wanted);
    return entries.sort((a, b) => a.lastUsed - b.lastUsed);
  }

  /** Least recently used first, one state after the other. */
  bundlesIn(...states: readonly ResidencyState[]): Bundle[] {
    return states.flatMap((state) => this.inState(state).map(({ bundle }) => bundle));
  }

  /** Of a bundle and its instances. */
  bytes({ bundle, bytes }: Entry): number {
    return bytes + this.#instanceBytes(bundle.id);
  }

  /** What is left beside bundles and their instances; negative where there is no room for all of them. */
  freeBytesBeside(bundles: readonly Bundle[]): number {
    const instanceBytes = bundles.reduce((sum, { id }) => sum + this.#instanceBytes(id), 0);
    return this.#budgetBytes - bytesTogether(bundles) - instanceBytes;
  }

  /** What is left when all that is on its way has arrived. */
  freeBytes(): number {
    return this.freeBytesBeside(this.bundlesIn('loaded', 'loading'));
  }
}
