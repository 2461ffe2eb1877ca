/** The requests of a worker, performed one after another in the order they came. */
import { messageOf } from '../errors.js';
import type { EngineOutput, FromEngine, SentRequest } from './protocol.js';

export interface InTurnOptions {
  perform(sent: SentRequest): Promise<EngineOutput>;
  /** Whether an error leaves the process unusable: then nothing more is performed. */
  isFatal(message: string): boolean;
  send(message: FromEngine): void;
}

/** @returns takes a request, and resolves once it was answered, or is left because of an error before it */
export function inTurn({ perform, isFatal, send }: InTurnOptions): (sent: SentRequest) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  let poisoned = false;
  return (sent) => {
    last = last.then(async () => {
      // The process is about to be ended: on its way there it must not hang in a device that failed.
      if (poisoned) return;
      try {
        send({ type: 'done', id: sent.id, output: await perform(sent) });
      } catch (error) {
        const message = messageOf(error);
        poisoned = isFatal(message);
        send({ type: 'error', id: sent.id, message, fatal: poisoned });
      }
    });
    return last;
  };
}
