/** Tells when a request is over, however it ends. */
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';

/** What is still to end with a connection: one listener for all of it, since a client may pipeline any number of requests. */
const endings = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls `fn` once, when the answer is out or the client has left before that; at once where that has happened already.
 * `close` of the answer alone would not do: where an answer waits behind another one (pipelining) when its connection
 * breaks off, Node never emits it.
 * @returns forgets it
 */
export function whenEnded({ raw, request }: FastifyReply, fn: () => void): () => void {
  const { socket } = request.raw;
  if (raw.destroyed || socket.destroyed) {
    fn();
    return () => {};
  }
  const withSocket = endingsOf(socket);
  const forget = () => {
    raw.off('close', end);
    withSocket.delete(end);
  };
  const end = () => {
    forget();
    fn();
  };
  raw.once('close', end);
  withSocket.add(end);
  return forget;
}

function endingsOf(socket: Socket): Set<() => void> {
  const known = endings.get(socket);
  if (known !== undefined) return known;
  const all = new Set<() => void>();
  endings.set(socket, all);
  socket.once('close', () => {
    for (const end of all) end();
  });
  return all;
}
