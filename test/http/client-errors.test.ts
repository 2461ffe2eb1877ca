/** What becomes of a request that Node's parser gave up in the middle: one answer, no picture, and nothing kept. */
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sketch, type TestApp, testApp } from './support.js';

const REQUEST_TIMEOUT_MS = 300;
let test: TestApp;
let socket: Socket;
let answers: string;

beforeEach(async () => {
  test = testApp({ MAX_BODY_MB: '1' });
  const { server } = test.app;
  Object.assign(server, { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS });
  Object.assign(server, { connectionsCheckingInterval: 50 });
  const { port } = new URL(await test.listen());
  answers = '';
  // Such a client does not hang up when the server does.
  socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    answers += chunk;
  });
});
afterEach(async () => {
  socket.destroy();
  await test.app.close();
});

/** The server has hung up: its client, which does not, would notice only when it writes. */
const untilCut = () =>
  vi.waitFor(async () => {
    const open = await new Promise((resolve) =>
      test.app.server.getConnections((_error, count) => resolve(count)),
    );
    expect(open).toBe(0);
  }, 10_000);
const statuses = () => [...answers.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status);
const head = (...lines: string[]) =>
  `POST /v1/translate HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n${lines.join('\r\n')}\r\n\r\n`;

describe('a request given up in the middle', () => {
  it('is not begun when its rest arrives, and holds nothing for long, though its client stays', async () => {
    const png = await sketch();
    socket.write(head(`Content-Length: ${png.length}`));
    socket.write(png.subarray(0, 100));
    await vi.waitFor(() => expect(statuses()).toEqual(['408']), 5_000);
    socket.write(png.subarray(100));
    await test.app.drain();
    await untilCut();
    expect(test.service.jobs).toHaveLength(0);
    expect(statuses()).toEqual(['408']);
  });

  it('does the same where what comes is no HTTP', async () => {
    socket.write(`${head('Transfer-Encoding: chunked')}not a length\r\n`);
    await vi.waitFor(() => expect(statuses()).toEqual(['400']), 5_000);
    await test.app.drain();
    await untilCut();
    expect(statuses()).toEqual(['400']);
  });

  it.each([
    ['names no host', 'GET /v1/models HTTP/1.1\r\n\r\n', '400', 'bad_request'],
    [
      'expects the unknown',
      'GET /v1/models HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n',
      '417',
      'expectation_failed',
    ],
  ])('is told why in a problem where it %s', async (_name, request, status, code) => {
    socket.write(request);
    await vi.waitFor(() => expect(statuses()).toEqual([status]), 5_000);
    await untilCut();
    expect(answers).toContain('application/problem+json');
    expect(answers).toContain(`"code":"${code}"`);
  });

  it('is not answered twice', async () => {
    socket.write(head('Content-Length: 2000000'));
    await vi.waitFor(() => expect(statuses()).toEqual(['413']), 5_000);
    // It trickles on.
    const trickle = setInterval(() => socket.write('x'), 50);
    await untilCut();
    clearInterval(trickle);
    expect(statuses()).toEqual(['413']);
  });
});
