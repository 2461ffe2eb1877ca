/** `GET /v1/stream` over real sockets: who may open it, what it refuses, and that it stays small under a flood. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { ServerMessage } from '../../src/http/stream/messages.js';
import { sketch, type TestApp, testApp } from './support.js';

let test: TestApp;
let url: string;

beforeEach(async () => {
  test = testApp({ MAX_BODY_MB: '1', MAX_STREAMS: '3', CORS_ORIGIN: 'https://friend.example' });
  url = `${(await test.listen()).replace('http', 'ws')}/v1/stream`;
});
afterEach(() => test.app.close());

interface Client {
  socket: WebSocket;
  messages: ServerMessage[];
  pictures: Buffer[];
  closed: Promise<[number, Buffer]>;
}

async function open(origin?: string, headers = {}): Promise<Client> {
  const socket = new WebSocket(url, { headers, ...(origin === undefined ? {} : { origin }) });
  const client: Client = {
    socket,
    messages: [],
    pictures: [],
    closed: once(socket, 'close') as Promise<[number, Buffer]>,
  };
  socket.on('message', (data: Buffer, binary) => {
    if (binary) client.pictures.push(data);
    else client.messages.push(JSON.parse(data.toString()) as ServerMessage);
  });
  await once(socket, 'open');
  return client;
}

function refusal(origin?: string, headers = {}): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { headers, ...(origin === undefined ? {} : { origin }) });
    socket.on('open', () => reject(new Error('It opened.')));
    socket.on('error', () => {});
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
  });
}

/** The TCP socket below, which ws keeps to itself. */
const tcpOf = (socket: WebSocket) => (socket as unknown as { _socket: Socket })._socket;
const configure = ({ socket }: Client, fields: object = {}) =>
  socket.send(JSON.stringify({ type: 'configure', format: 'jpeg', ...fields }));
const types = ({ messages }: Client) => messages.map(({ type }) => type);

describe('a stream', () => {
  it('turns frames into pictures', async () => {
    const client = await open();
    configure(client);
    client.socket.send(await sketch());
    await vi.waitFor(() => expect(client.pictures).toHaveLength(1));
    expect(types(client)).toEqual(['ready', 'result']);
    expect(test.service.jobs[0]?.client).toBe('127.0.0.1');
  });

  it('opens for our own page, for pages CORS_ORIGIN names and for programs, and for no other page', async () => {
    const ours = url.replace('ws', 'http').replace('/v1/stream', '');
    (await open(ours)).socket.close();
    (await open('https://friend.example')).socket.close();
    const { status, body } = await refusal('https://evil.example');
    expect(status).toBe(403);
    expect(JSON.parse(body)).toMatchObject({ code: 'origin_not_allowed' });
  });

  it('over its client’s share of MAX_STREAMS is refused with 503, and opens when one has closed', async () => {
    const first = await open();
    await open();
    const { status, body } = await refusal();
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({
      code: 'too_many_streams',
      detail: 'This client has 2 of at most 3 streams open, its share: the rest is for others.',
      full: 'share',
      client_streams: 2,
      limit: 3,
    });
    first.socket.close();
    await first.closed;
    await vi.waitFor(async () => void (await open()));
  });

  it('of another client opens beside one that opens all it can, up to MAX_STREAMS', async () => {
    await test.app.close();
    test = testApp({ MAX_STREAMS: '3', TRUST_PROXY: '1' });
    url = `${(await test.listen()).replace('http', 'ws')}/v1/stream`;
    const from = (address: string) => ({ 'X-Forwarded-For': address });
    await open(undefined, from('10.0.0.1'));
    await open(undefined, from('10.0.0.1'));
    await refusal(undefined, from('10.0.0.1'));
    const other = await open(undefined, from('10.0.0.2'));
    const { status, body } = await refusal(undefined, from('10.0.0.3'));
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({
      detail: '3 streams are open already.',
      full: 'server',
      limit: 3,
    });
    other.socket.close();
    await other.closed;
    await vi.waitFor(async () => void (await open(undefined, from('10.0.0.3'))));
  });

  it('tells of a single stream in the singular', async () => {
    await test.app.close();
    test = testApp({ MAX_STREAMS: '1' });
    url = `${(await test.listen()).replace('http', 'ws')}/v1/stream`;
    await open();
    expect(JSON.parse((await refusal()).body)).toMatchObject({ detail: '1 stream is open already.' });
  });

  it.each([1.01, 3, 40])(
    'with a message %f times the limit gets an error and is closed with 1009',
    async (times) => {
      const client = await open();
      configure(client);
      client.socket.send(Buffer.alloc(times * 1024 * 1024));
      const [code] = await client.closed;
      expect(code).toBe(1009);
      expect(client.messages.at(-1)).toMatchObject({
        type: 'error',
        problem: { code: 'body_too_large', status: 413 },
      });
    },
  );

  it('whose half-sent frame finds no room is closed with 1013, and those before it get their answer', async () => {
    await test.app.close();
    test = testApp({ MAX_BODY_MB: '1', MAX_BODIES_MB: '1' });
    url = `${(await test.listen()).replace('http', 'ws')}/v1/stream`;
    const first = await open();
    configure(first);
    const half = Buffer.alloc(700_000);
    first.socket.send(half, { fin: false });
    await vi.waitFor(() => expect(types(first)).toEqual(['ready']));
    await vi.waitFor(() => expect(first.socket.bufferedAmount).toBe(0));
    const second = await open();
    second.socket.send(half, { fin: false });
    expect((await second.closed)[0]).toBe(1013);
    first.socket.send(Buffer.alloc(1), { fin: true });
    await vi.waitFor(() => expect(types(first)).toEqual(['ready', 'error']));
    const third = await open();
    configure(third);
    third.socket.send(half, { fin: false });
    third.socket.send(half.subarray(0, 1), { fin: true });
    await vi.waitFor(() => expect(types(third)).toEqual(['ready', 'error']));
  });

  it('may take as long over a message as a request over its body, pongs apart, and then says why it ends', async () => {
    await test.app.close();
    test = testApp({ MAX_BODY_MB: '1' });
    url = `${(await test.listen()).replace('http', 'ws')}/v1/stream`;
    test.app.server.requestTimeout = 1_000;
    const quiet = await open();
    const slow = await open();
    quiet.socket.ping('anyone there?');
    slow.socket.send(Buffer.alloc(100_000), { fin: false });
    slow.socket.pong();
    const [code, reason] = await slow.closed;
    expect([code, reason.toString()]).toEqual([1008, 'a message was not whole after 1 s']);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(quiet.socket.readyState).toBe(WebSocket.OPEN);
  });

  it.each([
    ['a message over the limit', (client: Client) => client.socket.send(Buffer.alloc(3 * 1024 * 1024)), 1009],
    ['no mask', ({ socket }: Client) => tcpOf(socket).write(Buffer.from([0x82, 1, 0])), 1002],
    ['bad UTF-8', ({ socket }: Client) => socket.send(Buffer.from([0xff]), { binary: false }), 1007],
  ] as const)(
    'whose client sends %s is told why, and the log has no stack of it',
    async (_name, send, expected) => {
      const lines: Record<string, unknown>[] = [];
      const logger = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) });
      await test.app.close();
      test = testApp({ MAX_BODY_MB: '1' }, { logger });
      url = `${(await test.listen()).replace('http', 'ws')}/v1/stream`;
      const client = await open();
      send(client);
      const [code] = await client.closed;
      expect(code).toBe(expected);
      await vi.waitFor(() => expect(lines.map(({ msg }) => msg)).toContain('stream closed'));
      expect(lines.find(({ msg }) => msg === 'stream closed')).toMatchObject({ code: expected });
      expect(lines.filter(({ level }) => Number(level) > 30)).toEqual([]);
      expect(JSON.stringify(lines)).not.toContain('stack');
    },
  );

  it('which is cut says so in the log, and counts the frames that were refused', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) });
    await test.app.close();
    test = testApp({}, { logger });
    url = `${(await test.listen()).replace('http', 'ws')}/v1/stream`;
    const client = await open();
    client.socket.send(await sketch());
    await vi.waitFor(() => expect(types(client)).toEqual(['error']));
    const ping = Buffer.from([0x89, 0x80, 0, 0, 0, 0]);
    tcpOf(client.socket).write(Buffer.concat(Array.from({ length: 5_000 }, () => ping)));
    expect((await client.closed)[0]).toBe(1006);
    await vi.waitFor(() => expect(lines.map(({ msg }) => msg)).toContain('stream closed'));
    expect(lines.find(({ msg }) => msg === 'stream closed')).toMatchObject({
      code: 1006,
      reason: 'too many pings at once',
      frames: { error: 1 },
    });
  });

  it.each([
    ['true', [{ model: 'tiny-sketch', prompt: 'a secret duck' }]],
    ['false', []],
  ])('with LOG_PROMPTS=%s has its prompts in the log accordingly', async (LOG_PROMPTS, expected) => {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) });
    await test.app.close();
    test = testApp({ LOG_PROMPTS }, { logger });
    url = `${(await test.listen()).replace('http', 'ws')}/v1/stream`;
    const client = await open();
    configure(client, { prompt: 'a secret duck' });
    await vi.waitFor(() => expect(types(client)).toEqual(['ready']));
    client.socket.close();
    await vi.waitFor(() => expect(lines.map(({ msg }) => msg)).toContain('stream closed'));
    expect(lines.filter((line) => JSON.stringify(line).includes('duck'))).toMatchObject(expected);
  });

  it('of a client that vanishes aborts its frame', async () => {
    const client = await open();
    configure(client);
    test.service.hold();
    client.socket.send(await sketch());
    await vi.waitFor(() => expect(test.service.jobs).toHaveLength(1));
    client.socket.terminate();
    await vi.waitFor(() => expect(test.service.jobs[0]?.signal?.aborted).toBe(true));
  });

  it('lets the newest of 1,000 frames pushed at full speed arrive last, and tells what became of each', async () => {
    const client = await open();
    configure(client);
    const image = await sketch();
    // Decoders ignore what follows an image: it makes the frames differ.
    for (let mark = 1; mark <= 1000; mark++)
      client.socket.send(Buffer.concat([image, Buffer.from(`${mark}`)]));
    const ended = () =>
      client.messages.flatMap((message) =>
        message.type === 'dropped' ? message.frames : message.type === 'result' ? [message.frame] : [],
      );
    await vi.waitFor(() => expect(ended()).toHaveLength(1000), 10_000);
    const results = client.messages.filter((message) => message.type === 'result');
    expect(results.at(-1)).toMatchObject({ frame: 1000 });
    expect(new Set(ended()).size).toBe(1000);
    expect(client.pictures).toHaveLength(results.length);
    expect(test.service.jobs.length).toBe(results.length);
  });

  it('whose reader stops for a while starts no more frames for it, and goes on with the newest', async () => {
    const client = await open();
    configure(client);
    await vi.waitFor(() => expect(types(client)).toEqual(['ready']));
    // Pictures of 2 MB: the operating system's own buffers take a few, ours one.
    test.service.picture = Buffer.alloc(2 * 1024 * 1024);
    client.socket.pause();
    const frames = await Promise.all(Array.from({ length: 60 }, (_, mark) => sketch('png', mark)));
    for (const frame of frames) {
      client.socket.send(frame);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
    const started = test.service.jobs.length;
    expect(started).toBeLessThan(20);
    client.socket.resume();
    await vi.waitFor(
      () => expect(client.messages.at(-1)).toMatchObject({ type: 'result', frame: 60 }),
      10_000,
    );
    expect(test.service.jobs.length).toBe(started + 1);
  });
});

describe('draining', () => {
  it('answers the frame in flight, closes every stream with 1001 and opens no new one', async () => {
    const busy = await open();
    const quiet = await open();
    configure(busy);
    const release = test.service.hold();
    busy.socket.send(await sketch());
    await vi.waitFor(() => expect(test.service.jobs).toHaveLength(1));
    const drained = test.app.drain();
    const [quietCode] = await quiet.closed;
    expect(quietCode).toBe(1001);
    const { status, body } = await refusal();
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ code: 'draining' });
    release();
    const [busyCode] = await busy.closed;
    expect(busyCode).toBe(1001);
    expect(types(busy)).toEqual(['ready', 'result']);
    expect(busy.pictures).toHaveLength(1);
    await drained;
  });

  it('does not wait for a client that leaves the close message unanswered', async () => {
    const client = await open();
    tcpOf(client.socket).pause();
    const startedAt = performance.now();
    await test.app.drain();
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    client.socket.terminate();
  });
});
