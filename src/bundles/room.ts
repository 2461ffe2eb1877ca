/** Room on a device for one bundle more: who has to leave for it, and when they may. */
import type { LoadOutput } from '../engine/protocol.js';
import type { Bundle } from './bundle.js';

/** When there will be room for a bundle. */
export interface Room {
  /** Milliseconds until those that must leave for it may. */
  inMs: number;
  /** A bundle on its way that takes the room, and whose load has to end first. */
  behind?: Bundle;
}

/** A bundle that a device holds, or is loading. */
export interface Resident {
  bundle: Bundle;
  bytes: number;
  /** Until when it does not leave for a bundle that others wait for, if it is waited for itself. */
  staysUntil: number;
  /** When a batch of it was handed over or landed last. */
  usedAt: number;
}

/**
 * After its load a bundle that is in use stays for this many times as long as the load took. Two that do not fit together
 * would be loaded in turns otherwise, for a batch each; so at most a third of the time goes into loads.
 */
const STAY_LOADS = 2;
/** Whoever waits for the other one waits through this, too. */
const LONGEST_STAY_MS = 10_000;

/** Who has just got a picture may ask for the next one: for so long a bundle counts as waited for. */
const RETURN_MS = 50;

export function stayMs({ loadMs, warmUpMs }: LoadOutput): number {
  return Math.min(STAY_LOADS * (loadMs + warmUpMs), LONGEST_STAY_MS);
}

/**
 * @param bytes of the bundle that wants in
 * @param device its budget and what lies in it, those that leave first in front
 * @param isWanted whether somebody waits for a picture of a bundle that is loaded
 */
export function roomFor(
  bytes: number,
  device: { budgetBytes: number; loaded: readonly Resident[]; loading: readonly Resident[] },
  isWanted: (id: string) => boolean,
  now: number,
): Room {
  const { budgetBytes, loaded, loading } = device;
  let missing = [...loaded, ...loading].reduce((sum, resident) => sum + resident.bytes, bytes) - budgetBytes;
  let inMs = 0;
  for (const resident of loaded) {
    if (missing <= 0) break;
    missing -= resident.bytes;
    const { staysUntil, usedAt } = resident;
    const until = isWanted(resident.bundle.id) ? staysUntil : Math.min(staysUntil, usedAt + RETURN_MS);
    inMs = Math.max(inMs, until - now);
  }
  const [first] = loading;
  return missing > 0 && first !== undefined ? { inMs, behind: first.bundle } : { inMs };
}
