/** A load that failed: why, and when the bundle is tried again. */
import { EngineDiedError } from '../engine/engine-process.js';
import { messageOf } from '../errors.js';
import { LastingLoadError } from './lasting-load-error.js';
import { withoutFolder } from './without-folder.js';

export interface LoadFailure {
  /** As it is told: without the place of the models on this machine. */
  reason: string;
  /** Loads of the bundle in a row that failed. */
  count: number;
  /** Whether the engine did not survive the last one. */
  deadly: boolean;
  /** Until then it is left alone: every waiting request would repeat it. Infinite where trying again is no use. */
  retryAt: number;
}

const FIRST_RETRY_MS = 5_000;
/** It keeps the device from its pictures, for nothing: each time, it is left alone for twice as long. */
const LONGEST_RETRY_MS = 60_000;
/** One that kills the engine takes all others' pictures with it. */
const LONGEST_DEADLY_RETRY_MS = 300_000;

/**
 * @param folder of the models
 * @param before the bundle's last failure, where no load succeeded since
 */
export function failedAgain(
  error: unknown,
  folder: string,
  before: LoadFailure | undefined,
  now: number,
): LoadFailure {
  const count = (before?.count ?? 0) + 1;
  const deadly = error instanceof EngineDiedError;
  const longest = deadly ? LONGEST_DEADLY_RETRY_MS : LONGEST_RETRY_MS;
  const patience =
    error instanceof LastingLoadError
      ? Number.POSITIVE_INFINITY
      : Math.min(FIRST_RETRY_MS * 2 ** (count - 1), longest);
  return { reason: withoutFolder(messageOf(error), folder), count, deadly, retryAt: now + patience };
}

/** Whether the engine may have been the cause: its successor has all its memory free again. */
export function endsWithEngine({ deadly, retryAt }: LoadFailure): boolean {
  return !deadly && Number.isFinite(retryAt);
}
