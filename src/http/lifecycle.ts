/** Knows what is in the air, so that a stopping server answers all of it and takes nothing new. */

/** A stream as far as stopping concerns it. */
export interface Stoppable {
  /** Ends after the frame in flight; resolves when closed. */
  finish(): Promise<void>;
}

export class Lifecycle {
  readonly streams = new Set<Stoppable>();
  #draining = false;
  #inFlight = 0;
  #whenIdle: (() => void)[] = [];

  get draining(): boolean {
    return this.#draining;
  }

  began(): void {
    this.#inFlight++;
  }

  ended(): void {
    this.#inFlight--;
    if (this.#inFlight > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** From now on new requests are refused; resolves when the last one in the air is answered and every stream closed. */
  async drain(): Promise<void> {
    this.#draining = true;
    const streams = [...this.streams].map((stream) => stream.finish());
    const idle =
      this.#inFlight === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            this.#whenIdle.push(resolve);
          });
    await Promise.all([idle, ...streams]);
  }
}
