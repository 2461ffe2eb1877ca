/** Room on a device for one bundle more: who has to leave for it, and when they may. */
import type { LoadOutput } from '../engine/protocol.js';
import type { Bundle } from './bundle.js';
import { bytesTogether } from './resident-bytes.js';

/** When there will be room for a bundle. */
export interface Room {
  /** Milliseconds until those that must leave for it may. */
  inMs: number;
  /** A bundle on its way that takes the room, and whose load has to end first. */
  behind?: Bundle;
}

/** Whether somebody waits for a picture of a bundle: as urgently as who wants its room, or less. */
export type Claim = 'as urgent' | 'less urgent' | 'none';

/** A bundle that a device holds, or is loading. */
export interface Resident {
  bundle: Bundle;
  /** Until when it does not leave for a bundle that others wait for, if it is waited for itself. */
  staysUntil: number;
  /** When a batch of it was handed over or landed last. */
  usedAt: number;
}

/**
 * After its load a bundle that is in use stays for this many times as long as the load took. Two that do not fit together
 * would be loaded in turns otherwise, for a batch each; so two thirds of the time go into pictures.
 */
const STAY_LOADS = 2;
/** Whoever waits for the other one waits through this, too: large bundles stay for less than that. */
const LONGEST_STAY_MS = 10_000;

/** Who has just got a picture may ask for the next one, over a network: for so long a bundle counts as waited for. */
const RETURN_MS = 300;

export function stayMs({ loadMs, warmUpMs }: LoadOutput): number {
  return Math.min(STAY_LOADS * (loadMs + warmUpMs), LONGEST_STAY_MS);
}

/**
 * When those that lie on a device, or are on their way there, leave room.
 * @param bundle that wants in
 * @param device its budget and what lies in it, those that leave first in front
 * @param claimOf who waits for a bundle that is loaded
 */
export function roomBeside(
  bundle: Bundle,
  device: { budgetBytes: number; loaded: readonly Resident[]; loading: readonly Resident[] },
  claimOf: (id: string) => Claim,
  now: number,
): Room {
  const { budgetBytes, loaded, loading } = device;
  const staying = [...loaded, ...loading].map((resident) => resident.bundle);
  const fits = (): boolean => bytesTogether([...staying, bundle]) <= budgetBytes;
  let inMs = 0;
  for (const resident of loaded) {
    if (fits()) break;
    staying.shift();
    inMs = Math.max(inMs, staysMs(resident, claimOf(resident.bundle.id), now));
  }
  const [first] = loading;
  return first !== undefined && !fits() ? { inMs, behind: first.bundle } : { inMs };
}

function staysMs({ staysUntil, usedAt }: Resident, claim: Claim, now: number): number {
  if (claim === 'less urgent') return 0;
  return (claim === 'none' ? Math.min(staysUntil, usedAt + RETURN_MS) : staysUntil) - now;
}
