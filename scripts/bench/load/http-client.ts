/**
 * A client of `POST /v1/translate`: the image as the body, the fields in the query, one connection kept open.
 *
 * It runs on the cores that it measures, so it costs as little as a client can: like wrk and autocannon it writes a request
 * made beforehand to a socket and reads no more of the answer than it must. What Node's own client takes to do the same
 * (0.3 to 0.4 ms more) is not the server's.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Answer, Client, Timings } from './closed-loop.js';

export interface Sending {
  images: readonly Buffer[];
  prompts: readonly string[];
  /** Further fields of every request. */
  fields?: Readonly<Record<string, string>>;
}

/** @param index tells clients apart: each has its own seeds and begins with another image */
export function httpClient(origin: string, sending: Sending, index: number): Client {
  const { hostname, port, host } = new URL(origin);
  let socket: Socket | undefined;
  let turn = index;
  return {
    async ask() {
      const image = sending.images[turn % sending.images.length] ?? Buffer.alloc(0);
      const prompt = sending.prompts[turn % sending.prompts.length] ?? '';
      const query = new URLSearchParams({ prompt, seed: String(turn), format: 'jpeg', ...sending.fields });
      turn += 7;
      const lines = [
        `POST /v1/translate?${query} HTTP/1.1`,
        `Host: ${host}`,
        'Content-Type: image/jpeg',
        `Content-Length: ${image.length}`,
        '\r\n',
      ];
      const request = Buffer.concat([Buffer.from(lines.join('\r\n')), image]);
      if (socket === undefined) {
        socket = connect({ host: hostname, port: Number(port), noDelay: true });
        await once(socket, 'connect');
      }
      return ask(socket, request);
    },
    close: () => socket?.destroy(),
  };
}

async function ask(socket: Socket, request: Buffer): Promise<Answer> {
  const start = performance.now();
  socket.write(request);
  const { head, body, at } = await readAnswer(socket);
  const [, status] = /^HTTP\/1\.1 (\d+)/.exec(head) ?? [];
  if (status !== '200' || body[0] !== 0xff || body[1] !== 0xd8) {
    throw new Error(`${status}: ${body.toString('utf8', 0, 500)}`);
  }
  return { latency: at - start, timings: parseServerTiming(headerOf(head, 'server-timing')) };
}

/** Reads one answer that tells its length; `at` is when its last byte came. */
function readAnswer(socket: Socket): Promise<{ head: string; body: Buffer; at: number }> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    let head: string | undefined;
    let end = Number.POSITIVE_INFINITY;
    const settle = (done: () => void): void => {
      socket.off('data', onData).off('error', onLost).off('close', onLost);
      done();
    };
    const onLost = (error?: unknown): void =>
      settle(() => reject(error instanceof Error ? error : new Error('the connection was closed')));
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      if (head === undefined) {
        const headEnd = received.indexOf('\r\n\r\n');
        if (headEnd < 0) return;
        head = received.toString('latin1', 0, headEnd);
        end = headEnd + 4 + Number(headerOf(head, 'content-length'));
      }
      if (received.length < end) return;
      const answer = { head, body: received.subarray(head.length + 4), at: performance.now() };
      settle(() => resolve(answer));
    };
    socket.on('data', onData).on('error', onLost).on('close', onLost);
  });
}

function headerOf(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: *(.*)$`, 'im').exec(head)?.[1];
}

/** `decode;dur=1.5, queue;dur=2` → { decode: 1.5, queue: 2 }. */
export function parseServerTiming(header: string | undefined): Timings {
  const entries = (header ?? '').matchAll(/([\w-]+);dur=([\d.]+)/g);
  return Object.fromEntries([...entries].map(([, name = '', value]) => [name, Number(value)]));
}
