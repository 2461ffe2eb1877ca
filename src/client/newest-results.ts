/** Results as iterations: each step gives the newest one, and skips those that newer ones have overtaken. */
import { ConfigurationRefused } from './configuration-refused.js';
import type { Problem } from './protocol.js';
import type { StreamEvents, StreamResult, StreamStatus } from './types.js';

interface Results {
  readonly status: StreamStatus;
  on<Name extends 'result' | 'status' | 'error'>(
    name: Name,
    listener: (event: StreamEvents[Name]) => void,
  ): () => void;
}

export class NewestResults {
  readonly #stream: Results;
  readonly #refusal: () => Problem | undefined;
  /** The newest of all where no iteration has given it: it came while there was none, or in the last step of one. */
  #untaken: StreamResult | undefined;

  /** @param refusal why there can be no results; undefined while there can */
  constructor(stream: Results, refusal: () => Problem | undefined) {
    this.#stream = stream;
    this.#refusal = refusal;
    stream.on('result', (result) => {
      this.#untaken = result;
    });
  }

  /**
   * Begins with the newest result where no other iteration has given it, and ends when the stream is closed.
   * @throws ConfigurationRefused with the refusal
   */
  async *iterate(): AsyncGenerator<StreamResult, void, undefined> {
    let newest = this.#untaken;
    let wake = () => {};
    const stop = [
      this.#stream.on('result', (result) => {
        newest = result;
        wake();
      }),
      this.#stream.on('status', () => wake()),
      this.#stream.on('error', () => wake()),
    ];
    try {
      for (;;) {
        const refused = this.#refusal();
        if (newest !== undefined) {
          const result: StreamResult = newest;
          newest = undefined;
          if (this.#untaken === result) this.#untaken = undefined;
          yield result;
        } else if (this.#stream.status.state === 'closed') {
          return;
        } else if (refused !== undefined) {
          throw new ConfigurationRefused(refused);
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      for (const off of stop) off();
    }
  }
}
