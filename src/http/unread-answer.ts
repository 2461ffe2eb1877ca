/** What an answer may cost until its client has read it: bytes of a budget, and time. */
import type { FastifyReply } from 'fastify';
import type { ByteBudget } from './byte-budget.js';
import { whenEnded } from './when-ended.js';

/** A client that reads nothing for so long is gone. */
const STALL_MS = 60_000;
/** Bytes a millisecond, 1 Mbit/s: who reads more slowly on the whole holds an answer only to keep others out. */
const SLOWEST_READ = 125;

/**
 * Holds the bytes of an answer that is about to be sent, and hangs up on a client that does not take them.
 * @throws Img2ImgError `queue_full` where too many answers wait to be read
 */
export function holdUnread(reply: FastifyReply, bytes: number, answers: ByteBudget): void {
  const share = answers.open();
  share.add(bytes);
  const hangUp = () => reply.raw.destroy();
  reply.raw.setTimeout(STALL_MS, hangUp);
  const cut = setTimeout(hangUp, STALL_MS + bytes / SLOWEST_READ).unref();
  // That is, when the operating system has taken all of it, or the client has left.
  whenEnded(reply, () => {
    clearTimeout(cut);
    share.giveBack();
  });
}
