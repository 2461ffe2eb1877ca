/** Stopping before there is anything to close: while the server starts, and in `translate`. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Ends as an uncaught signal would. Engines end with the channel to this process. */
function stop(signal: (typeof SIGNALS)[number]): void {
  process.exit(128 + constants.signals[signal]);
}

/** A process 1, as it is in a container, is stopped by no signal that it has no listener for. */
export function stopOnSignals(): void {
  for (const signal of SIGNALS) process.once(signal, stop);
}

/** For who has listeners of its own now. */
export function leaveSignals(): void {
  for (const signal of SIGNALS) process.off(signal, stop);
}
