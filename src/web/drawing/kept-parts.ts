/**
 * Long lists of operations in the storage of this tab, in parts of which each is written once: what can no longer be undone
 * grows at its end with every stroke, and a sheet that was gone back to is the same as before.
 */
import type { Operation } from './document.js';

const PREFIX = 'img2img-part-';
/** Operations: so few that the last part, which changes, is written in a moment. */
const LENGTH = 50;

interface Part {
  readonly name: string;
  readonly operations: readonly Operation[];
}

export class KeptParts {
  /** By their first operation. */
  readonly #known = new WeakMap<Operation, Part>();
  #named = 0;

  /** Whether a list is long enough to be kept in parts. */
  static takes(operations: readonly Operation[]): boolean {
    return operations.length > LENGTH;
  }

  /**
   * Writes those parts that are not there yet; no others are there any more afterwards.
   * @param whole whether all of an operation can be written already: a part with others is written again the next time
   * @returns for each list the names of its parts
   * @throws DOMException where there is no room, or storage is switched off
   */
  keep(
    lists: readonly (readonly Operation[])[],
    textOf: (operations: readonly Operation[]) => string,
    whole: (operation: Operation) => boolean,
  ): string[][] {
    const parts = lists.map((list) => slicesOf(list).map((slice) => this.#partOf(slice)));
    const wanted = new Map(parts.flat().map((part) => [part.name, part]));
    const stored = new Set(Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX)));
    for (const name of stored) if (!wanted.has(name)) sessionStorage.removeItem(name);
    for (const [name, { operations }] of wanted) {
      if (!stored.has(name) || !operations.every(whole)) sessionStorage.setItem(name, textOf(operations));
    }
    return parts.map((list) => list.map(({ name }) => name));
  }

  #partOf(operations: readonly Operation[]): Part {
    const first = operations[0] as Operation;
    const known = this.#known.get(first);
    if (known !== undefined && isSame(known.operations, operations)) return known;
    this.#named += 1;
    // Told from those of the page before by the time at which this one was opened.
    const part = { name: `${PREFIX}${performance.timeOrigin}-${this.#named}`, operations };
    this.#known.set(first, part);
    return part;
  }
}

/** @returns JSON; of a part that is missing, an empty list */
export function partNamed(name: string): string {
  return sessionStorage.getItem(name) ?? '[]';
}

function slicesOf(list: readonly Operation[]): (readonly Operation[])[] {
  const count = Math.ceil(list.length / LENGTH);
  return Array.from({ length: count }, (_, index) => list.slice(index * LENGTH, (index + 1) * LENGTH));
}

function isSame(one: readonly Operation[], other: readonly Operation[]): boolean {
  return one.length === other.length && one.every((each, index) => each === other[index]);
}
