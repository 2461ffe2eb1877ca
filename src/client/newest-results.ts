/** Results as an iteration: each step gives the newest one, and skips those that newer ones have overtaken. */
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

/**
 * Ends when the stream is closed.
 * @param refusal why there can be no results; undefined while there can
 * @throws ConfigurationRefused with the refusal
 */
export async function* newestResults(
  stream: Results,
  refusal: () => Problem | undefined,
): AsyncGenerator<StreamResult, void, undefined> {
  let newest: StreamResult | undefined;
  let wake = () => {};
  const stop = [
    stream.on('result', (result) => {
      newest = result;
      wake();
    }),
    stream.on('status', () => wake()),
    stream.on('error', () => wake()),
  ];
  try {
    for (;;) {
      const refused = refusal();
      if (newest !== undefined) {
        const result: StreamResult = newest;
        newest = undefined;
        yield result;
      } else if (stream.status.state === 'closed') {
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
