/** What an answer may cost until its client has read it: bytes of a budget, and time. */
import type { FastifyReply } from 'fastify';
import type { ByteBudget } from './byte-budget.js';
import { whenEnded } from './when-ended.js';

/** A client that reads nothing for so long is gone. */
const STALL_MS = 60_000;
/** Bytes a millisecond, 1 Mbit/s: who reads more slowly on the whole holds an answer only to keep others out. */
const SLOWEST_READ = 125;

/**
 * Waits for room for the bytes of an answer, holds them from then on, and hangs up on a client that does not take them.
 * @param signal fires when the request is given up
 * @throws Img2ImgError `queue_full` where too many answers wait to be read until then
 */
export async function holdUnread(
  reply: FastifyReply,
  bytes: number,
  answers: ByteBudget,
  signal: AbortSignal,
): Promise<void> {
  const share = answers.open();
  await share.addWhenRoom(bytes, signal);
  if (signal.aborted) {
    share.giveBack();
    throw signal.reason;
  }
  const hangUp = () => reply.raw.destroy();
  reply.raw.setTimeout(STALL_MS, hangUp);
  const cut = setTimeout(hangUp, STALL_MS + bytes / SLOWEST_READ).unref();
  // That is, when the operating system has taken all of it, or the client has left.
  whenEnded(reply, () => {
    clearTimeout(cut);
    share.giveBack();
  });
}
