/** A typed list of listeners per event name: the same in browsers and Node, without EventTarget. */

export type Listener<T> = (event: T) => void;

export class Events<Map> {
  readonly #listeners: { [Name in keyof Map]?: Set<Listener<Map[Name]>> } = {};
  /** Being told, and after it what has happened meanwhile. */
  readonly #untold: (() => void)[] = [];

  /** Calls `listener` on every event of that name until the function given back is called. */
  on<Name extends keyof Map>(name: Name, listener: Listener<Map[Name]>): () => void {
    const listeners: Set<Listener<Map[Name]>> = this.#listeners[name] ?? new Set();
    this.#listeners[name] = listeners;
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /**
   * Calls everyone who listens. What a listener brings about is told when all have been told of this: the last that any of
   * them hears is the last that happened.
   */
  emit<Name extends keyof Map>(name: Name, event: Map[Name]): void {
    this.#untold.push(() => this.#tell(name, event));
    if (this.#untold.length > 1) return;
    for (let tell = this.#untold[0]; tell !== undefined; tell = this.#untold[0]) {
      tell();
      this.#untold.shift();
    }
  }

  /** What a listener throws is thrown again by itself, where it stops nobody here. */
  #tell<Name extends keyof Map>(name: Name, event: Map[Name]): void {
    for (const listener of [...(this.#listeners[name] ?? [])]) {
      try {
        listener(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
