/** Results as an iteration: each step gives the newest one, and skips those that newer ones have overtaken. */
import type { StreamEvents, StreamResult, StreamStatus } from './types.js';

interface Results {
  readonly status: StreamStatus;
  on<Name extends 'result' | 'status'>(name: Name, listener: (event: StreamEvents[Name]) => void): () => void;
}

/** Ends when the stream is closed. */
export async function* newestResults(stream: Results): AsyncGenerator<StreamResult, void, undefined> {
  let newest: StreamResult | undefined;
  let wake = () => {};
  const stop = [
    stream.on('result', (result) => {
      newest = result;
      wake();
    }),
    stream.on('status', () => wake()),
  ];
  try {
    for (;;) {
      if (newest !== undefined) {
        const result: StreamResult = newest;
        newest = undefined;
        yield result;
      } else if (stream.status.state === 'closed') {
        return;
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
