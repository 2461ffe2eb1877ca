/** A WebSocket handshake that is refused: with a problem, a line in the log and its count, as any other request. */
import { connect } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type TestApp, testApp } from './support.js';

let test: TestApp;
let port: number;
let lines: Record<string, unknown>[];

beforeEach(async () => {
  lines = [];
  const logger = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) });
  test = testApp({}, { logger });
  port = Number(new URL(await test.listen()).port);
  // That it listens.
  lines.length = 0;
});
afterEach(() => test.app.close());

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const VERSION = 'Sec-WebSocket-Version: 13';

/** Everything that comes back until the server hangs up, or has agreed to the upgrade. */
const handshake = (method: string, headers: string[]) =>
  new Promise<string>((resolve) => {
    const lines = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket', ...headers];
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.write(`${method} /v1/stream HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    socket.on('data', (chunk) => {
      answer += chunk;
      if (answer.startsWith('HTTP/1.1 101')) socket.destroy();
    });
    socket.on('close', () => resolve(answer));
  });

it.each([
  ['another version', 'GET', ['Sec-WebSocket-Version: 12', KEY], 426, 'upgrade_required'],
  ['no version', 'GET', [KEY], 426, 'upgrade_required'],
  ['no key', 'GET', [VERSION], 400, 'bad_request'],
  ['a key that is none', 'GET', [VERSION, 'Sec-WebSocket-Key: abc'], 400, 'bad_request'],
  ['a protocol that is none', 'GET', [VERSION, KEY, 'Sec-WebSocket-Protocol: a b'], 400, 'bad_request'],
  ['a protocol twice', 'GET', [VERSION, KEY, 'Sec-WebSocket-Protocol: a, b,a'], 400, 'bad_request'],
])('with %s', async (_name, method, headers, status, code) => {
  const answer = await handshake(method, headers);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(answer).toMatch(/\r\ncontent-type: application\/problem\+json/i);
  expect(answer).toContain(`"code":"${code}"`);
  expect(/\r\nsec-websocket-version: 13, 8\r\n/i.test(answer)).toBe(code === 'upgrade_required');
  const told = { method, route: '/v1/stream', status, outcome: code };
  await vi.waitFor(() => expect(lines).toMatchObject([{ msg: 'request', ...told }]));
  expect(await test.registry.metrics()).toContain(
    `img2img_http_requests_total{route="/v1/stream",method="${method}",status="${status}",outcome="${code}"} 1`,
  );
});

it('of HEAD', async () => {
  const answer = await handshake('HEAD', [VERSION, KEY]);
  expect(answer).toMatch(/^HTTP\/1.1 426 .*\r\ncontent-type: application\/problem\+json/is);
  await vi.waitFor(() => expect(lines).toMatchObject([{ msg: 'request', method: 'HEAD' }]));
});

it.each(['13', '8'])('is none of version %s; that one is told as a stream only', async (version) => {
  const protocols = 'Sec-WebSocket-Protocol: a, b';
  const answer = await handshake('GET', [`Sec-WebSocket-Version: ${version}`, KEY, protocols]);
  expect(answer).toMatch(/^HTTP\/1.1 101 /);
  await vi.waitFor(() => expect(lines.map(({ msg }) => msg)).toEqual(['stream opened', 'stream closed']));
});
