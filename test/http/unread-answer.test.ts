/** Answers count until they are read, and a client that does not read is hung up on. */
import { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import type { FastifyReply } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ByteBudget } from '../../src/http/byte-budget.js';
import { holdUnread } from '../../src/http/unread-answer.js';
import { sketch, testApp } from './support.js';

const MEGABYTE = 2 ** 20;

it('answers that are not read refuse others, until they are read or their client leaves', async () => {
  const test = testApp({ MAX_ANSWERS_MB: '1' });
  const { port } = new URL(await test.listen());
  const png = await sketch();
  const translate = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/translate`, { method: 'POST', body: png });
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
  };
  // More than the buffers of the system take.
  test.service.picture = Buffer.alloc(64 * MEGABYTE);
  const reader = connect(Number(port), '127.0.0.1');
  reader.pause();
  reader.write(
    `POST /v1/translate HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: ${png.length}\r\n\r\n`,
  );
  reader.write(png);
  await vi.waitFor(() => expect(test.service.jobs).toHaveLength(1), 5_000);
  test.service.picture = Buffer.alloc(MEGABYTE);
  await vi.waitFor(async () => {
    const { status, body } = await translate();
    expect(status).toBe(429);
    expect(JSON.parse(body.toString())).toMatchObject({ code: 'queue_full', limit_bytes: MEGABYTE });
  }, 5_000);
  reader.destroy();
  await vi.waitFor(async () => expect((await translate()).status).toBe(200), 5_000);
  // Read: nothing is left of it.
  expect((await translate()).status).toBe(200);
  await test.app.close();
});

describe('a client', () => {
  class FakeResponse extends EventEmitter {
    stalled = () => {};
    destroyed = false;
    setTimeout(_ms: number, stalled: () => void): void {
      this.stalled = stalled;
    }
    destroy(): void {
      this.destroyed = true;
      this.emit('close');
    }
  }
  let response: FakeResponse;
  let answers: ByteBudget;
  beforeEach(() => {
    vi.useFakeTimers();
    response = new FakeResponse();
    answers = new ByteBudget(10 * MEGABYTE, 'No room.');
    const reply = { raw: response, request: { raw: { socket: new EventEmitter() } } };
    holdUnread(reply as unknown as FastifyReply, 10_000_000, answers);
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const expectGivenBack = () => expect(() => answers.open().expect(100 * MEGABYTE)).not.toThrow();

  it('that reads nothing is hung up on', () => {
    expect(() => answers.open().expect(MEGABYTE)).toThrow('No room.');
    response.stalled();
    expect(response.destroyed).toBe(true);
    expectGivenBack();
  });

  it('that reads next to nothing, too', () => {
    vi.advanceTimersByTime(139_000);
    expect(response.destroyed).toBe(false);
    vi.advanceTimersByTime(2_000);
    expect(response.destroyed).toBe(true);
    expectGivenBack();
  });

  it('that has read it all is left alone', () => {
    response.emit('close');
    vi.advanceTimersByTime(1e6);
    expect(response.destroyed).toBe(false);
    expectGivenBack();
  });
});
