/** A client of `GET /v1/stream`: configures once, then pushes a frame and waits for its picture. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Answer, Client, Timings } from './closed-loop.js';
import type { Sending } from './http-client.js';

interface Message {
  type: string;
  timings?: Timings;
  problem?: unknown;
}

export async function streamClient(origin: string, sending: Sending, index: number): Promise<Client> {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/v1/stream`);
  const waiting: (Message | Buffer)[] = [];
  let wake: (() => void) | undefined;
  let closed = false;
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    waiting.push(isBinary ? data : (JSON.parse(data.toString('utf8')) as Message));
    wake?.();
  });
  socket.on('close', () => {
    closed = true;
    wake?.();
  });
  const receive = async (): Promise<Message | Buffer> => {
    for (;;) {
      const message = waiting.shift();
      if (message !== undefined) return message;
      if (closed) throw new Error('the stream was closed');
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  await once(socket, 'open');
  const prompt = sending.prompts[index % sending.prompts.length] ?? '';
  socket.send(JSON.stringify({ type: 'configure', prompt, seed: index, format: 'jpeg' }));
  expectType(await receive(), 'ready');
  let turn = index;
  return {
    async ask(): Promise<Answer> {
      const start = performance.now();
      // A frame equal to the last is not run: the images follow each other in turn.
      socket.send(sending.images[turn++ % sending.images.length] ?? Buffer.alloc(0));
      const result = expectType(await receive(), 'result');
      await receive();
      return { latency: performance.now() - start, timings: result.timings ?? {} };
    },
    close: () => socket.close(),
  };
}

function expectType(message: Message | Buffer, type: string): Message {
  if (!Buffer.isBuffer(message) && message.type === type) return message;
  const told = Buffer.isBuffer(message) ? `${message.length} bytes` : JSON.stringify(message);
  throw new Error(`the stream sent ${told} instead of "${type}"`);
}
