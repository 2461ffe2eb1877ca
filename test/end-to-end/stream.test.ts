/** The stream on a real model: what is drawn comes back, and a flood leaves the server as small as it was. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { ServerMessage } from '../../src/http/stream/messages.js';
import { bytes, sketch, translate } from './pictures.js';
import { metric, type ServerProcess, startServer, until } from './server-process.js';

let server: ServerProcess;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

interface Client {
  socket: WebSocket;
  messages: ServerMessage[];
  pictures: Buffer[];
}

async function open(fields: object): Promise<Client> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/stream`);
  const client: Client = { socket, messages: [], pictures: [] };
  socket.on('message', (data: Buffer, binary) => {
    if (binary) client.pictures.push(data);
    else client.messages.push(JSON.parse(data.toString()) as ServerMessage);
  });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'configure', ...fields }));
  return client;
}

const ended = ({ messages }: Client) =>
  messages.flatMap((message) =>
    message.type === 'dropped' ? message.frames : message.type === 'result' ? [message.frame] : [],
  );

describe('a stream', () => {
  it('gives the same picture as a single request with the same settings', async () => {
    const image = await sketch(3);
    const client = await open({ prompt: 'duck', seed: 5 });
    client.socket.send(image);
    await until(() => client.pictures.length === 1, 5_000);
    const single = await bytes(await translate(server.url, image, { prompt: 'duck', seed: 5 }));
    expect(Buffer.compare(client.pictures[0] ?? Buffer.alloc(0), single)).toBe(0);
    expect(client.messages[0]).toMatchObject({ type: 'ready', seed: 5, prompt: 'duck', size: '64x64' });
    client.socket.close();
  });

  it('into which 1,000 frames are pushed at full speed keeps memory flat and ends with the last frame', async () => {
    const client = await open({ prompt: 'duck', seed: 5, format: 'jpeg' });
    // Bytes after the image are ignored; with them a thousand kept frames would weigh 200 MB.
    const frames = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) =>
        Buffer.concat([await sketch(i % 48), Buffer.from([i & 255, i >> 8]), Buffer.alloc(200_000)]),
      ),
    );
    const rss = () => metric(server.url, 'process_resident_memory_bytes');
    const before = await rss();
    let most = before;
    for (const [index, frame] of frames.entries()) {
      client.socket.send(frame);
      if (index % 100 === 99) most = Math.max(most, await rss());
    }
    await until(() => ended(client).length === 1000, 30_000);
    most = Math.max(most, await rss());
    const results = client.messages.filter((message) => message.type === 'result');
    expect(results.at(-1)).toMatchObject({ frame: 1000 });
    expect(client.pictures).toHaveLength(results.length);
    expect(most - before).toBeLessThan(100 * 2 ** 20);
    const dropped = await Promise.all(
      ['overtaken', 'unchanged'].map((outcome) =>
        metric(server.url, `img2img_stream_frames_total{outcome="${outcome}"}`),
      ),
    );
    expect(dropped.reduce((sum, frames) => sum + frames)).toBe(1000 - results.length);
    client.socket.close();
  }, 60_000);

  it('that is left costs nothing more: the gauge of open streams goes back', async () => {
    await until(async () => (await metric(server.url, 'img2img_open_streams')) === 0, 5_000);
  });
});
