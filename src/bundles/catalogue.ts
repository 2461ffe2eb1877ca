/** The bundles of this server by id, ready or refused. */
import { Img2ImgError, unknownId } from '../errors.js';
import type { Bundle } from './bundle.js';
import { type Discovered, idOf } from './discovery.js';

export class Catalogue {
  readonly #entries: Map<string, Discovered>;

  constructor(entries: readonly Discovered[]) {
    this.#entries = new Map();
    for (const entry of entries) {
      // A refused folder goes by its own name, which may be the id of a bundle that is fine.
      const known = this.#entries.get(idOf(entry));
      if (known?.status !== 'ready') this.#entries.set(idOf(entry), entry);
    }
  }

  entries(): Discovered[] {
    return [...this.#entries.values()];
  }

  bundles(): Bundle[] {
    return this.entries().flatMap((entry) => (entry.status === 'ready' ? [entry.bundle] : []));
  }

  find(id: string): Discovered | undefined {
    return this.#entries.get(id);
  }

  /** @throws Img2ImgError `unknown_model` listing those there are */
  entry(id: string): Discovered {
    const entry = this.#entries.get(id);
    if (entry !== undefined) return entry;
    const models = [...this.#entries.keys()];
    const others =
      models.length === 0 ? ': the models folder is empty.' : `. There are: ${models.join(', ')}.`;
    throw unknownId('model', id, models, `There is no model "${id}"${others}`);
  }

  /** @throws Img2ImgError `unknown_model`, or `model_unavailable` with the reason the bundle was refused */
  bundle(id: string): Bundle {
    const entry = this.entry(id);
    if (entry.status === 'ready') return entry.bundle;
    throw refusal(id, entry.reason);
  }

  /** Takes the place of the one with its id. */
  replace(entry: Discovered): void {
    this.#entries.set(idOf(entry), entry);
  }

  /** From now on the bundle is listed as failed: its files turned out not to be what the manifest says. */
  refuse(bundle: Bundle, reason: string): void {
    const known = this.#entries.get(bundle.id);
    // Another one may have taken its place.
    if (known?.status === 'ready' && known.bundle === bundle) {
      this.replace({ status: 'failed', id: bundle.id, reason });
    }
  }
}

export function refusal(id: string, reason: string): Img2ImgError {
  return new Img2ImgError('model_unavailable', `The model "${id}" was refused: ${reason}`, {
    details: { model: id, reason },
  });
}

/** The model used where a request names none: the one asked for, else the first ready one, sketches first. */
export function chooseDefault(bundles: readonly Bundle[], wanted: string | undefined): string | undefined {
  if (wanted !== undefined) return wanted;
  const sketch = bundles.find((bundle) => bundle.manifest.conditioning.kind === 'sketch');
  return (sketch ?? bundles[0])?.id;
}
