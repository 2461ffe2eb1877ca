/** A client that sends requests behind one that is not answered yet, and leaves: nothing runs on, and nothing stays held. */
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sketch, type TestApp, testApp } from './support.js';

let test: TestApp;
let url: string;
let client: Socket;

beforeEach(async () => {
  test = testApp({ MAX_BODY_MB: '1', MAX_BODIES_MB: '1' });
  url = await test.listen();
  client = connect(Number(new URL(url).port), '127.0.0.1');
  client.on('error', () => {});
});
afterEach(async () => {
  client.destroy();
  await test.app.close();
});

const head = (line: string, length = 0) =>
  `${line} HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: ${length}\r\n\r\n`;
const translate = (body: Buffer) => {
  client.write(head('POST /v1/translate', body.length));
  client.write(body);
};
const untilJobs = (count: number) => vi.waitFor(() => expect(test.service.jobs).toHaveLength(count), 5_000);
const untilAborted = () =>
  vi.waitFor(
    () => expect(test.service.jobs.map(({ signal }) => signal?.aborted)).not.toContain(false),
    5_000,
  );
/** Decoders ignore what follows an image. */
const large = async () => Buffer.concat([await sketch(), Buffer.alloc(600_000)]);

describe('a client that leaves while requests wait behind another', () => {
  it('costs no device time, holds no room for bodies, and holds up no stop', async () => {
    const release = test.service.hold();
    translate(await sketch());
    translate(await large());
    client.write(head('GET /health/live'));
    await untilJobs(2);
    client.destroy();
    await untilAborted();
    release();
    const answer = await fetch(`${url}/v1/translate`, { method: 'POST', body: await large() });
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    await test.app.drain();
  });

  it('is counted for each of them, also where its answer was ready', async () => {
    test.service.hold();
    translate(await sketch());
    client.write(head('GET /health/live'));
    await untilJobs(1);
    client.destroy();
    await vi.waitFor(async () => {
      const metrics = await test.registry.metrics();
      const left = 'status="499",outcome="aborted"} 1';
      expect(metrics).toContain(`{route="/v1/translate",method="POST",${left}`);
      expect(metrics).toContain(`{route="/health/live",method="GET",${left}`);
    });
  });

  it.each([
    ['of a body that is refused', 'POST /v1/nowhere'],
    ['of a body that is not asked for', 'GET /v1/models'],
  ])('is noticed in the middle %s', async (_name, line) => {
    test.service.hold();
    translate(await sketch());
    client.write(head(line, 12_000_000));
    client.write(Buffer.alloc(8_000_000));
    await untilJobs(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.destroy();
    await untilAborted();
  });
});

it('any number of requests may wait on one connection', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  const release = test.service.hold();
  translate(await sketch());
  client.write(head('GET /health/live').repeat(20));
  await untilJobs(1);
  let answers = '';
  client.on('data', (chunk) => {
    answers += chunk.toString('latin1');
  });
  release();
  await vi.waitFor(() => expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(21), 5_000);
  process.off('warning', note);
  expect(warnings).toEqual([]);
});
