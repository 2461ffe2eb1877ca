/** Answers count until they are read, and a client that does not read is hung up on. */
import { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ByteBudget } from '../../src/http/byte-budget.js';
import { holdUnread } from '../../src/http/unread-answer.js';
import { sketch, type TestApp, testApp } from './support.js';

const MEGABYTE = 2 ** 20;

describe('answers that are not read', () => {
  let test: TestApp;
  let png: Buffer;
  let port: string;
  let reader: Socket;

  beforeEach(async () => {
    test = testApp({ MAX_ANSWERS_MB: '1' });
    port = new URL(await test.listen()).port;
    png = await sketch();
    // More than the buffers of the system take.
    test.service.picture = Buffer.alloc(64 * MEGABYTE);
    reader = connect(Number(port), '127.0.0.1');
    reader.pause();
    reader.write(
      `POST /v1/translate HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: ${png.length}\r\n\r\n`,
    );
    reader.write(png);
    await vi.waitFor(() => expect(test.service.jobs).toHaveLength(1), 5_000);
    test.service.picture = Buffer.alloc(MEGABYTE);
    // Its answer is held.
    await vi.waitFor(async () => expect((await translate('timeout_ms=1')).status).toBe(429), 5_000);
    test.service.jobs.length = 0;
  });
  afterEach(async () => {
    reader.destroy();
    await test.app.close();
  });
  const translate = async (query = '', signal?: AbortSignal) => {
    const url = `http://127.0.0.1:${port}/v1/translate?${query}`;
    const answer = await fetch(url, { method: 'POST', body: png, ...(signal && { signal }) });
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
  };

  it('make others wait until they are read or their client leaves, and none is made twice', async () => {
    const waiting = [translate(), translate()];
    const first = Promise.race(waiting);
    await vi.waitFor(() => expect(test.service.jobs).toHaveLength(2), 5_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await Promise.race([first, 'still waiting'])).toBe('still waiting');
    reader.destroy();
    // The second finds room when the first is read.
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200]);
    expect(test.service.jobs).toHaveLength(2);
    // Read: nothing is left of it.
    expect((await translate()).status).toBe(200);
  });

  it('refuse others at their deadline', async () => {
    const { status, body } = await translate('timeout_ms=100');
    expect(status).toBe(429);
    expect(JSON.parse(body.toString())).toMatchObject({ code: 'queue_full', limit_bytes: MEGABYTE });
  });

  it('do not keep room for one that left while it waited', async () => {
    const leaver = new AbortController();
    const left = translate('', leaver.signal);
    await vi.waitFor(() => expect(test.service.jobs).toHaveLength(1), 5_000);
    leaver.abort();
    await expect(left).rejects.toThrow();
    await vi.waitFor(() => expect(test.service.jobs[0]?.signal?.aborted).toBe(true), 5_000);
    reader.destroy();
    expect((await translate()).status).toBe(200);
  });
});

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

function replyOf(response: FakeResponse): FastifyReply {
  const reply = { raw: response, request: { raw: { socket: new EventEmitter() } } };
  return reply as unknown as FastifyReply;
}

describe('a client', () => {
  let response: FakeResponse;
  let answers: ByteBudget;
  beforeEach(async () => {
    vi.useFakeTimers();
    response = new FakeResponse();
    answers = new ByteBudget(10 * MEGABYTE, 'No room.');
    const { signal } = new AbortController();
    await holdUnread(replyOf(response), 10_000_000, answers, signal);
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

  it('that left in the moment its answer found room holds none', async () => {
    const gone = new AbortController();
    const late = holdUnread(replyOf(new FakeResponse()), MEGABYTE, answers, gone.signal);
    response.emit('close');
    gone.abort(new Error('It left.'));
    await expect(late).rejects.toThrow('It left.');
    expectGivenBack();
  });

  it('that has read it all is left alone', () => {
    response.emit('close');
    vi.advanceTimersByTime(1e6);
    expect(response.destroyed).toBe(false);
    expectGivenBack();
  });
});
