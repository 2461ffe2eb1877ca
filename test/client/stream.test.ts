import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { backoffDelay } from '../../src/client/backoff.js';
import {
  ConfigurationRefused,
  connect,
  type Img2ImgStream,
  type StreamOptions,
  type StreamResult,
} from '../../src/client/index.js';
import { ScriptServer } from './script-server.js';

const server = new ScriptServer();
let streams: Img2ImgStream[] = [];

beforeEach(async () => {
  server.connections.length = 0;
  await server.start();
});

afterEach(async () => {
  for (const stream of streams) stream.close();
  streams = [];
  await server.stop();
});

function open(options: StreamOptions = {}): Img2ImgStream {
  const stream = connect(server.url, {
    WebSocket,
    throttleMs: 0,
    backoff: { firstMs: 20, maxMs: 50 },
    ...options,
  });
  streams.push(stream);
  return stream;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const until = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 5_000, interval: 5 });
const framesOf = (connection = 0) => server.connections[connection]?.frames ?? [];

test('the configuration goes first, then the frame; the result names its frame and its configuration', async () => {
  const stream = open({ configuration: { prompt: 'a fox', seed: 7 } });
  const results = collect(stream);
  const frame = stream.push(bytes('one'));
  await until(() => expect(framesOf()).toEqual(['one']));
  expect(server.connection.configurations).toEqual([{ type: 'configure', prompt: 'a fox', seed: 7 }]);
  server.connection.result(1, {
    warnings: [{ code: 'prompt_truncated', detail: 'The prompt was truncated.' }],
  });
  await until(() => expect(results).toHaveLength(1));
  expect(results[0]).toMatchObject({
    frame,
    mediaType: 'image/png',
    model: 'tiny',
    seed: 7,
    batchSize: 1,
    timings: { total: 10 },
    warnings: [{ code: 'prompt_truncated', detail: 'The prompt was truncated.' }],
    configuration: { prompt: 'a fox', seed: 7 },
  });
  expect(textOf(results[0])).toBe('picture of one');
  expect(results[0]?.roundTripMs).toBeGreaterThan(0);
});

test('blobs, buffers, views and functions all make frames', async () => {
  const stream = open({ maxUnanswered: 10 });
  const sources = [
    new Blob(['blob']),
    bytes('array buffer').buffer,
    Buffer.from('a view into a pool').subarray(2, 6),
    () => bytes('function'),
    async () => new Blob(['promise']),
  ];
  for (const [index, source] of sources.entries()) {
    stream.push(source);
    await until(() => expect(framesOf()).toHaveLength(index + 1));
  }
  expect(framesOf()).toEqual(['blob', 'array buffer', 'view', 'function', 'promise']);
});

test('only the newest of the frames that wait is sent, and only it is ever made', async () => {
  const stream = open({ maxUnanswered: 1 });
  const dropped: number[] = [];
  stream.on('dropped', ({ frames }) => dropped.push(...frames));
  stream.push(bytes('first'));
  await until(() => expect(framesOf()).toEqual(['first']));
  const made: number[] = [];
  const numbers = [2, 3, 4].map((number) =>
    stream.push(() => {
      made.push(number);
      return bytes(String(number));
    }),
  );
  server.connection.result(1);
  await until(() => expect(framesOf()).toEqual(['first', '4']));
  expect(made).toEqual([4]);
  expect(dropped).toEqual(numbers.slice(0, 2));
});

test('frames go out no faster than the throttle allows, and the last one always goes', async () => {
  const stream = open({ throttleMs: 60, maxUnanswered: 100 });
  const startedAt = performance.now();
  for (let frame = 0; frame < 30; frame++) {
    stream.push(bytes(String(frame)));
    await sleep(10);
  }
  await until(() => expect(framesOf().at(-1)).toBe('29'));
  const elapsed = performance.now() - startedAt;
  expect(framesOf().length).toBeLessThanOrEqual(1 + elapsed / 60);
  expect(framesOf().length).toBeGreaterThan(2);
});

test('no more frames are unanswered than allowed; overtaken and failed ones count as answered', async () => {
  const stream = open({ maxUnanswered: 2 });
  const problems: string[] = [];
  stream.on('error', ({ problem }) => problems.push(problem.title));
  const sent = async (frame: string, count: number) => {
    stream.push(bytes(frame));
    await until(() => expect(framesOf()).toHaveLength(count));
  };
  await sent('1', 1);
  await sent('2', 2);
  stream.push(bytes('3'));
  await sleep(50);
  expect(framesOf()).toHaveLength(2);
  server.connection.text({ type: 'dropped', frames: [2], reason: 'overtaken' });
  await until(() => expect(framesOf()).toHaveLength(3));
  stream.push(bytes('4'));
  server.connection.text({ type: 'error', problem: { title: 'Inference failed', status: 500 }, frame: 1 });
  await until(() => expect(framesOf()).toHaveLength(4));
  expect(problems).toEqual(['Inference failed']);
});

test('a new configuration translates the newest frame again', async () => {
  const stream = open({ configuration: { prompt: 'a fox' } });
  const results = collect(stream);
  stream.push(bytes('drawing'));
  await until(() => expect(framesOf()).toHaveLength(1));
  server.connection.result(1);
  stream.configure({ prompt: 'a fox', seed: 8 });
  await until(() => expect(framesOf()).toEqual(['drawing', 'drawing']));
  server.connection.result(2, { seed: 8 });
  await until(() => expect(results.map(({ configuration }) => configuration.seed)).toEqual([undefined, 8]));
  expect(server.connection.configurations.at(-1)).toEqual({ type: 'configure', prompt: 'a fox', seed: 8 });
});

test('what is absent from the new configuration is gone', async () => {
  const stream = open({ configuration: { prompt: 'a fox', gamma: 0.3 } });
  await until(() => expect(server.connection.configurations).toHaveLength(1));
  stream.configure({ prompt: 'a cat', style: undefined });
  await until(() => expect(server.connection.configurations).toHaveLength(2));
  expect(server.connection.configurations[1]).toEqual({ type: 'configure', prompt: 'a cat' });
});

test('after a crash of the server the configuration and the unanswered frame are sent again', async () => {
  const stream = open({ configuration: { prompt: 'a fox' } });
  const results = collect(stream);
  const states: string[] = [];
  stream.on('status', ({ state }) => states.push(state));
  stream.push(bytes('before'));
  await until(() => expect(framesOf()).toHaveLength(1));
  await server.stop();
  stream.configure({ prompt: 'a cat' });
  const frame = stream.push(bytes('while it is down'));
  await sleep(100);
  await server.start();
  await until(() => expect(framesOf(1)).toEqual(['while it is down']));
  expect(server.connection.configurations).toEqual([{ type: 'configure', prompt: 'a cat' }]);
  server.connection.result(1);
  await until(() => expect(results.map((result) => result.frame)).toEqual([frame]));
  expect(states).toContain('waiting');
  expect(states.at(-1)).toBe('open');
});

test('a frame sent but not answered is made anew and sent on the next connection', async () => {
  const stream = open();
  let made = 0;
  stream.push(() => bytes(`state ${++made}`));
  await until(() => expect(framesOf()).toEqual(['state 1']));
  server.connection.socket.terminate();
  await until(() => expect(framesOf(1)).toEqual(['state 2']));
});

test('an answered frame is not sent again after a reconnection', async () => {
  const stream = open();
  const results = collect(stream);
  stream.push(bytes('done'));
  await until(() => expect(framesOf()).toHaveLength(1));
  server.connection.result(1);
  await until(() => expect(results).toHaveLength(1));
  server.connection.socket.terminate();
  await until(() => expect(server.connections[1]?.configurations).toHaveLength(1));
  await sleep(50);
  expect(framesOf(1)).toEqual([]);
});

test('each failed attempt waits longer, up to the limit, and none at the same time as another client', async () => {
  await server.stop();
  const waits: number[] = [];
  const stream = open({ backoff: { firstMs: 8, maxMs: 64 } });
  stream.on('status', (status) => {
    if (status.state === 'waiting') waits.push(status.retryInMs);
  });
  await until(() => expect(waits.length).toBeGreaterThan(6));
  for (const [attempt, wait] of waits.entries()) {
    const ceiling = Math.min(64, 8 * 2 ** attempt);
    expect(wait).toBeGreaterThanOrEqual(Math.floor(ceiling / 2));
    expect(wait).toBeLessThanOrEqual(ceiling);
  }
  const delays = [0, 0.5, 0.999].map((random) => backoffDelay(9, { firstMs: 250, maxMs: 8_000 }, random));
  expect(delays).toEqual([4000, 6000, 7996]);
  await server.start();
});

test('reconnect() does not wait for the back-off', async () => {
  await server.stop();
  const stream = open({ backoff: { firstMs: 60_000, maxMs: 60_000 } });
  await until(() => expect(stream.status.state).toBe('waiting'));
  await server.start();
  stream.reconnect();
  await until(() => expect(stream.status.state).toBe('open'));
});

test('reconnect() leaves a connection that owes an answer, and what it owes is asked for again, more than once', async () => {
  const stream = open();
  const errors: unknown[] = [];
  stream.on('error', (error) => errors.push(error));
  stream.push(bytes('on a dead line'));
  for (const connection of [0, 1, 2]) {
    await until(() => expect(framesOf(connection)).toEqual(['on a dead line']));
    stream.reconnect();
  }
  await until(() => expect(framesOf(3)).toEqual(['on a dead line']));
  const results = collect(stream);
  server.connection.result(1);
  await until(() => expect(results).toHaveLength(1));
  stream.reconnect();
  await sleep(50);
  expect(server.connections).toHaveLength(4);
  expect(errors).toEqual([]);
});

test('a stream that the server ends for want of use rests until the next frame', async () => {
  const stream = open();
  await until(() => expect(stream.status.state).toBe('open'));
  server.connection.socket.close(1000, 'idle');
  await until(() => expect(stream.status.state).toBe('idle'));
  await sleep(100);
  expect(server.connections).toHaveLength(1);
  stream.push(bytes('back'));
  await until(() => expect(framesOf(1)).toEqual(['back']));
});

test('a frame that met a passing problem is tried again when the server says, and the error says so', async () => {
  const stream = open();
  const retried: boolean[] = [];
  stream.on('error', ({ willRetry }) => retried.push(willRetry));
  stream.push(bytes('patient'));
  await until(() => expect(framesOf()).toHaveLength(1));
  const sentAt = performance.now();
  const problem = { title: 'Queue full', status: 429, retry_after_seconds: 0.2 };
  server.connection.text({ type: 'error', problem, frame: 1 });
  await until(() => expect(framesOf()).toEqual(['patient', 'patient']));
  expect(performance.now() - sentAt).toBeGreaterThan(190);
  expect(retried).toEqual([true]);
});

test('a frame too large for the server is told once and not sent in a circle', async () => {
  const stream = open();
  const problems: number[] = [];
  stream.on('error', ({ problem }) => problems.push(problem.status));
  stream.push(bytes('huge'));
  await until(() => expect(framesOf()).toHaveLength(1));
  server.connection.socket.close(1009, 'message too big');
  await until(() => expect(server.connections).toHaveLength(2));
  await sleep(50);
  expect(problems).toEqual([413]);
  expect(framesOf(1)).toEqual([]);
});

test('after the limit was told, no frame over it is sent, and those within it are', async () => {
  const stream = open();
  const problems: [unknown, number | undefined][] = [];
  stream.on('error', ({ problem, frame }) => problems.push([problem.detail, frame]));
  const huge = stream.push(bytes('huge'));
  await until(() => expect(framesOf()).toHaveLength(1));
  const problem = { title: 'Body too large', status: 413, code: 'body_too_large', detail: 'At most 3.' };
  server.connection.text({ type: 'error', problem: { ...problem, limit_bytes: 3 } });
  // As where the close message is lost on a connection that was cut.
  server.connection.socket.terminate();
  await until(() => expect(problems).toHaveLength(1));
  const large = stream.push(bytes('large'));
  await until(() => expect(problems).toHaveLength(2));
  stream.push(bytes('tiny'.slice(0, 3)));
  await until(() => expect(framesOf(1)).toEqual(['tin']));
  expect(problems).toEqual([
    ['At most 3.', huge],
    ['At most 3.', large],
  ]);
});

test('a frame is sent again however often the line is lost before its answer, with longer and longer waits', async () => {
  const stream = open({ backoff: { firstMs: 16, maxMs: 10_000 } });
  const errors: unknown[] = [];
  const waits: number[] = [];
  stream.on('error', (error) => errors.push(error));
  stream.on('status', (status) => {
    if (status.state === 'waiting') waits.push(status.retryInMs);
  });
  stream.push(bytes('on a flaky line'));
  for (const connection of [0, 1, 2, 3]) {
    await until(() => expect(framesOf(connection)).toEqual(['on a flaky line']));
    // A server that is not too busy for a configuration.
    server.connection.text({ type: 'ready', model: 'tiny', seed: 7 });
    await sleep(20);
    server.connection.socket.terminate();
  }
  await until(() => expect(framesOf(4)).toEqual(['on a flaky line']));
  expect(waits.at(-1)).toBeGreaterThanOrEqual(64);
  const results = collect(stream);
  server.connection.result(1);
  await until(() => expect(results).toHaveLength(1));
  server.connection.socket.terminate();
  await until(() => expect(waits).toHaveLength(5));
  expect(waits.at(-1)).toBeLessThanOrEqual(16);
  expect(errors).toEqual([]);
});

test('a frame in the middle of which the connection is lost twice is told and not sent a third time', async () => {
  const stream = open();
  const errors: unknown[] = [];
  stream.on('error', (error) => errors.push(error));
  // More than the system takes for a server that does not read.
  const frame = stream.push(new Uint8Array(32 * 1024 * 1024));
  for (const connection of [0, 1]) {
    await until(() => expect(server.connections[connection]?.configurations).toHaveLength(1));
    server.connections[connection]?.socket.pause();
    await sleep(100);
    server.connections[connection]?.socket.terminate();
  }
  await until(() => expect(errors).toHaveLength(1));
  expect(errors).toMatchObject([{ frame, willRetry: false, problem: { title: 'Frame not sent' } }]);
  stream.push(bytes('a small one'));
  await until(() => expect(framesOf(2)).toEqual(['a small one']));
});

test('a connection that owes an answer and falls silent is replaced', async () => {
  const stream = open({ silenceMs: 80 });
  stream.push(bytes('anyone?'));
  await until(() => expect(framesOf(1)).toEqual(['anyone?']));
  expect(stream.status.state).toBe('open');
});

describe('with time that the test lets pass', () => {
  interface Line {
    /** A server behind it that takes every configuration at once, and makes no picture in the time of the test. */
    alive: boolean;
    sockets: number;
    configurations: string[];
  }

  /** Opens at once. */
  const socketOn = (line: Line) =>
    class {
      binaryType = '';
      bufferedAmount = 0;
      onopen: (() => unknown) | null = null;
      onclose: ((event: { code: number }) => unknown) | null = null;
      onerror = null;
      onmessage: ((event: { data: unknown }) => unknown) | null = null;
      constructor() {
        line.sockets += 1;
        setTimeout(() => this.onopen?.());
      }
      send(data: unknown) {
        if (typeof data !== 'string' || !line.alive) return;
        line.configurations.push(data);
        setTimeout(() => this.say({ type: 'ready', model: 'tiny', seed: 7 }), 50);
      }
      say(message: unknown) {
        this.onmessage?.({ data: JSON.stringify(message) });
      }
      close() {}
    };
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  let line: Line;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    line = { alive: true, sockets: 0, configurations: [] };
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  /** Open, and configured. */
  const openOn = async (options: StreamOptions = {}) => {
    const stream = open({ WebSocket: socketOn(line), ...options });
    await pass(100);
    return stream;
  };

  test('a dead line is found out within 20 s of the frame that it does not answer', async () => {
    const stream = await openOn();
    line.alive = false;
    stream.push(bytes('into nothing'));
    await pass(19_900);
    expect(line.sockets).toBe(1);
    await pass(300);
    expect(line.sockets).toBe(2);
  });

  test('a model may take its minutes while the server has a word for us, of which nobody is told', async () => {
    const stream = await openOn({ configuration: { prompt: 'a fox' } });
    let told = 0;
    stream.on('ready', () => (told += 1));
    stream.on('error', () => (told += 1));
    stream.push(bytes('slow'));
    await pass(300_000);
    expect(line.sockets).toBe(1);
    expect(told).toBe(0);
    // What is said for the sake of an answer changes nothing: the server chose that seed.
    const [first, ...more] = line.configurations.map((text) => JSON.parse(text));
    expect(first).toEqual({ type: 'configure', prompt: 'a fox' });
    expect(more.length).toBeGreaterThan(20);
    for (const again of more) expect(again).toEqual({ ...first, seed: 7 });
  });

  test('a large frame has time to get through a slow line', async () => {
    const stream = await openOn();
    line.alive = false;
    stream.push(new Uint8Array(1024 * 1024));
    await pass(50_000);
    expect(line.sockets).toBe(1);
    await pass(5_000);
    expect(line.sockets).toBe(2);
  });

  test('a server that is there and never answers in time is given more each time, up to 100 s', async () => {
    await openOn().then((stream) => stream.push(bytes('anyone?')));
    line.alive = false;
    const startedAt = performance.now();
    const replacedAt: number[] = [];
    while (replacedAt.length < 5) {
      const { sockets } = line;
      await pass(100);
      if (line.sockets > sockets) replacedAt.push(performance.now());
    }
    const waits = replacedAt.map((at, index) => (at - (replacedAt[index - 1] ?? startedAt)) / 1000);
    expect(waits.map((wait) => Math.round(wait / 10) * 10)).toEqual([20, 40, 80, 100, 100]);
  });

  test('check() finds a dead line out within seconds, and leaves alone what lives', async () => {
    const stream = await openOn();
    stream.push(bytes('slow'));
    stream.check();
    await pass(6_000);
    expect(line.sockets).toBe(1);
    line.alive = false;
    stream.check();
    // Drawing on does not put it off.
    for (let frame = 0; frame < 10; frame++) {
      stream.push(bytes(`more ${frame}`));
      await pass(520);
    }
    expect(line.sockets).toBe(2);
  });

  test('check() finds out a dead line that owes nothing', async () => {
    const stream = await openOn();
    line.alive = false;
    stream.check();
    await pass(5_100);
    expect(line.sockets).toBe(2);
  });
});

test('check() does not wait for the back-off', async () => {
  await server.stop();
  const stream = open({ backoff: { firstMs: 60_000, maxMs: 60_000 } });
  await until(() => expect(stream.status.state).toBe('waiting'));
  await server.start();
  stream.check();
  await until(() => expect(stream.status.state).toBe('open'));
});

describe('a stream that a listener closes', () => {
  /** All that the stream and the server see of it, after time enough to come back. */
  const watched = async (stream: Img2ImgStream, act: (states: string[]) => Promise<unknown>) => {
    const states: string[] = [];
    stream.on('status', ({ state }) => states.push(state));
    await act(states);
    await until(() => expect(states).toContain('closed'));
    const { length } = server.connections;
    await sleep(200);
    expect(states.at(-1)).toBe('closed');
    expect(stream.status.state).toBe('closed');
    expect(server.connections).toHaveLength(length);
  };

  test('when a frame fails for good stays closed', async () => {
    const stream = open();
    stream.on('error', ({ willRetry }) => {
      if (!willRetry) stream.close();
    });
    await watched(stream, async () => {
      stream.push(bytes('huge'));
      await until(() => expect(framesOf()).toEqual(['huge']));
      server.connection.socket.close(1009);
    });
  });

  test('when a lost connection has taken a frame along stays closed', async () => {
    const stream = open({ maxUnanswered: 10 });
    await watched(stream, async () => {
      for (const [index, name] of ['one', 'two'].entries()) {
        stream.push(bytes(name));
        await until(() => expect(framesOf()).toHaveLength(index + 1));
      }
      stream.on('dropped', () => stream.close());
      stream.reconnect();
    });
  });

  test.each(['waiting', 'connecting', 'open'])('while it is %s stays closed', async (when) => {
    const stream = open();
    await until(() => expect(stream.status.state).toBe('open'));
    stream.on('status', ({ state }) => {
      if (state === when) stream.close();
    });
    await watched(stream, async () => server.connection.socket.terminate());
  });
});

test('a stream that a listener connects anew when the last connection is lost has one connection', async () => {
  const stream = open({ maxUnanswered: 10 });
  for (const [index, name] of ['one', 'two'].entries()) {
    stream.push(bytes(name));
    await until(() => expect(framesOf()).toHaveLength(index + 1));
  }
  stream.on('dropped', () => stream.reconnect());
  stream.reconnect();
  await until(() => expect(framesOf(1)).toEqual(['two']));
  await sleep(200);
  expect(server.connections).toHaveLength(2);
});

test('a listener that throws stops neither the stream nor other listeners, and its error is seen', async () => {
  const handlers = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const seen: unknown[] = [];
  process.on('uncaughtException', (error) => seen.push(error));
  try {
    const stream = open({ configuration: { prompt: 'a fox' } });
    const fault = new Error('a fault of the app');
    const states: string[] = [];
    const refuse = () => {
      throw fault;
    };
    const silence = [stream.on('status', refuse), stream.on('result', refuse)];
    stream.on('status', ({ state }) => states.push(state));
    const results = collect(stream);
    stream.push(bytes('one'));
    await until(() => expect(framesOf()).toEqual(['one']));
    server.connection.result(1);
    await until(() => expect(results).toHaveLength(1));
    expect(states).toEqual(['open']);
    expect(seen).toEqual([fault, fault]);
    for (const off of silence) off();
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const handler of handlers) process.on('uncaughtException', handler);
  }
});

test('a source that fails is told and does not stop the next frame', async () => {
  const stream = open();
  const details: unknown[] = [];
  stream.on('error', ({ problem }) => details.push(problem.detail));
  stream.push(() => Promise.reject(new Error('the canvas is gone')));
  await until(() => expect(details).toEqual(['the canvas is gone']));
  stream.push(bytes('next'));
  await until(() => expect(framesOf()).toEqual(['next']));
});

test('a forgotten frame is translated neither by a new configuration nor by a new connection', async () => {
  const stream = open();
  const endings = endingsOf(stream);
  const frame = stream.push(bytes('gone'));
  await until(() => expect(framesOf()).toHaveLength(1));
  stream.forget();
  stream.configure({ seed: 1 });
  await until(() => expect(server.connection.configurations).toHaveLength(2));
  await sleep(30);
  expect(framesOf()).toHaveLength(1);
  server.connection.socket.terminate();
  await until(() => expect(server.connections[1]?.configurations).toHaveLength(1));
  await sleep(30);
  expect(framesOf(1)).toEqual([]);
  expect(endings).toEqual([[frame, 'forgotten']]);
});

test('a frame that is forgotten while it is made is not sent', async () => {
  const stream = open();
  const endings = endingsOf(stream);
  await until(() => expect(stream.status.state).toBe('open'));
  let made = (_frame: Uint8Array) => {};
  const frame = stream.push(
    () =>
      new Promise((resolve) => {
        made = resolve;
      }),
  );
  stream.forget();
  made(bytes('gone'));
  await until(() => expect(endings).toEqual([[frame, 'forgotten']]));
  const next = stream.push(bytes('next'));
  await until(() => expect(framesOf()).toEqual(['next']));
  expect(next).toBe(frame + 1);
});

test('each frame ends in one event, also those that a lost connection takes along', async () => {
  const stream = open();
  const endings = endingsOf(stream);
  for (const [index, name] of ['a', 'b', 'c'].entries()) {
    stream.push(bytes(name));
    await until(() => expect(framesOf()).toHaveLength(index + 1));
  }
  server.connection.socket.terminate();
  await until(() => expect(framesOf(1)).toEqual(['c']));
  server.connection.text({ type: 'error', problem: { title: 'Inference failed', status: 500 }, frame: 1 });
  await until(() => expect(endings).toHaveLength(3));
  expect(endings).toEqual([
    [1, 'overtaken'],
    [2, 'overtaken'],
    [3, 'error'],
  ]);
});

test('the last frame of a server that stops comes to the next one, though older ones were answered after it', async () => {
  const stream = open();
  const endings = endingsOf(stream);
  stream.push(bytes('older'));
  await until(() => expect(framesOf()).toHaveLength(1));
  const last = stream.push(bytes('last'));
  await until(() => expect(framesOf()).toHaveLength(2));
  const problem = { title: 'Shutting down', status: 503, retry_after_seconds: 0.1 };
  server.connection.text({ type: 'error', problem, frame: 2 });
  server.connection.result(1);
  server.connection.socket.close(1001);
  await until(() => expect(framesOf(1)).toEqual(['last']));
  server.connection.result(1);
  await until(() => expect(endings.at(-1)).toEqual([last, 'result']));
});

test('a problem of which the server does not say that it passes is told and not tried again', async () => {
  const stream = open();
  const retried: boolean[] = [];
  stream.on('error', ({ willRetry }) => retried.push(willRetry));
  stream.push(bytes('to a model that cannot be loaded'));
  await until(() => expect(framesOf()).toHaveLength(1));
  const problem = { title: 'Model unavailable', status: 503, code: 'model_unavailable' };
  server.connection.text({ type: 'error', problem, frame: 1 });
  await until(() => expect(retried).toEqual([false]));
  await sleep(50);
  expect(framesOf()).toHaveLength(1);
});

test('after a refused configuration, pictures tell of the one that stayed in force', async () => {
  const [taken, refused, later] = [{ prompt: 'a fox' }, { prompt: 'x'.repeat(3000) }, { prompt: 'a cat' }];
  const stream = open({ configuration: taken });
  const results = collect(stream);
  const ready = () => server.connection.text({ type: 'ready', model: 'tiny', seed: 7 });
  const picture = async (name: string) => {
    stream.push(bytes(name));
    await until(() => expect(framesOf().at(-1)).toBe(name));
    const { length } = results;
    server.connection.result(framesOf().length);
    await until(() => expect(results).toHaveLength(length + 1));
    return results.at(-1)?.configuration;
  };
  await until(() => expect(server.connection.configurations).toHaveLength(1));
  ready();
  expect(await picture('one')).toBe(taken);
  for (const _ of [1, 2]) {
    stream.configure(refused);
    server.connection.text({ type: 'error', problem: { title: 'Invalid request', status: 400 } });
  }
  expect(await picture('two')).toBe(taken);
  stream.configure(later);
  ready();
  expect(await picture('three')).toBe(later);
});

test('`configuration` is the one in use: a refused one no longer, once the server has said so', async () => {
  const [taken, refused] = [{ prompt: 'a fox' }, { style: 'baroque' }];
  const stream = open({ configuration: taken });
  await until(() => expect(server.connection.configurations).toHaveLength(1));
  server.connection.text({ type: 'ready', model: 'tiny', seed: 7 });
  stream.configure(refused);
  expect(stream.configuration).toBe(refused);
  await until(() => expect(server.connection.configurations).toHaveLength(2));
  server.connection.text({ type: 'error', problem: { title: 'Unknown style', status: 400 } });
  await until(() => expect(stream.configuration).toBe(taken));
});

test('after a refused configuration and a lost connection, the one in force is what the new one begins with', async () => {
  const [taken, refused] = [{ prompt: 'a fox' }, { prompt: 'x'.repeat(3000) }];
  const stream = open({ configuration: taken });
  const results = collect(stream);
  await until(() => expect(server.connection.configurations).toHaveLength(1));
  server.connection.text({ type: 'ready', model: 'tiny', seed: 7 });
  stream.configure(refused);
  const problems: unknown[] = [];
  stream.on('error', ({ problem }) => problems.push(problem));
  server.connection.text({ type: 'error', problem: { title: 'Invalid request', status: 400 } });
  await until(() => expect(problems).toHaveLength(1));
  server.connection.socket.terminate();
  await until(() => expect(server.connections[1]?.configurations).toHaveLength(1));
  expect(server.connection.configurations).toEqual([{ type: 'configure', prompt: 'a fox' }]);
  expect(stream.configuration).toEqual(taken);
  stream.push(bytes('one'));
  await until(() => expect(framesOf(1)).toEqual(['one']));
  server.connection.result(1);
  await until(() => expect(results).toHaveLength(1));
  expect(results[0]?.configuration).toBe(taken);
});

test('a configuration that was lost unanswered is asked again after the one in force, and may be refused then', async () => {
  const [taken, refused] = [{ prompt: 'a fox' }, { prompt: 'x'.repeat(3000) }];
  const stream = open({ configuration: taken });
  const results = collect(stream);
  let ready = 0;
  stream.on('ready', () => (ready += 1));
  await until(() => expect(server.connection.configurations).toHaveLength(1));
  server.connection.text({ type: 'ready', model: 'tiny', seed: 7 });
  await until(() => expect(ready).toBe(1));
  stream.configure(refused);
  await until(() => expect(server.connection.configurations).toHaveLength(2));
  server.connection.socket.terminate();
  await until(() => expect(server.connections[1]?.configurations).toHaveLength(2));
  expect(server.connection.configurations.map(({ prompt }) => prompt)).toEqual([
    taken.prompt,
    refused.prompt,
  ]);
  stream.push(bytes('one'));
  await until(() => expect(framesOf(1)).toEqual(['one']));
  server.connection.text({ type: 'ready', model: 'tiny', seed: 7 });
  server.connection.text({ type: 'error', problem: { title: 'Invalid request', status: 400 } });
  server.connection.result(1);
  await until(() => expect(results).toHaveLength(1));
  expect(results[0]?.configuration).toBe(taken);
});

test('the iterator gives the newest result, skips overtaken ones, and ends with the stream', async () => {
  const stream = open({ maxUnanswered: 10 });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const result of stream) {
      seen.push(textOf(result));
      await sleep(60);
    }
  })();
  for (const name of ['a', 'b', 'c']) {
    stream.push(bytes(name));
    await until(() => expect(framesOf()).toContain(name));
  }
  server.connection.result(1);
  await until(() => expect(seen).toHaveLength(1));
  server.connection.result(2);
  server.connection.result(3);
  await until(() => expect(seen.at(-1)).toBe('picture of c'));
  expect(seen).toEqual(['picture of a', 'picture of c']);
  stream.close();
  await reading;
});

test('an iteration begins with the newest result that came before it, and no two with the same', async () => {
  const stream = open({ maxUnanswered: 10 });
  const results = collect(stream);
  for (const [index, name] of ['one', 'two', 'three'].entries()) {
    stream.push(bytes(name));
    await until(() => expect(framesOf()).toHaveLength(index + 1));
  }
  const first = async () => {
    for await (const result of stream) return textOf(result);
    return undefined;
  };
  server.connection.result(1);
  server.connection.result(2);
  await until(() => expect(results).toHaveLength(2));
  expect(await first()).toBe('picture of two');
  const next = first();
  server.connection.result(3);
  expect(await next).toBe('picture of three');
});

test('what comes in the last step of an iteration is the first of the next one', async () => {
  const stream = open();
  const results = collect(stream);
  stream.push(bytes('one'));
  await until(() => expect(framesOf()).toEqual(['one']));
  server.connection.result(1);
  for await (const _ of stream) {
    stream.push(bytes('two'));
    await until(() => expect(framesOf()).toHaveLength(2));
    server.connection.result(2);
    await until(() => expect(results).toHaveLength(2));
    break;
  }
  const { value } = await stream[Symbol.asyncIterator]().next();
  expect(textOf(value ?? undefined)).toBe('picture of two');
});

test('an iteration throws where the server refuses the only configuration, and begins anew with another', async () => {
  const stream = open({ configuration: { style: 'baroque' } });
  const problem = {
    title: 'Unknown style',
    status: 400,
    code: 'unknown_style',
    detail: 'There is no baroque.',
  };
  const first = async () => {
    for await (const result of stream) return textOf(result);
    return 'nothing';
  };
  stream.push(bytes('one'));
  const refused = expect(first()).rejects.toMatchObject({
    name: 'ConfigurationRefused',
    message: 'There is no baroque.',
    problem,
  });
  await until(() => expect(framesOf()).toEqual(['one']));
  server.connection.text({ type: 'error', problem });
  await refused;
  // Whoever comes to read only now has nothing to wait for either.
  await expect(first()).rejects.toBeInstanceOf(ConfigurationRefused);
  stream.configure({ style: 'anime' });
  const picture = first();
  await until(() => expect(framesOf()).toEqual(['one', 'one']));
  server.connection.text({ type: 'ready', model: 'tiny', seed: 7 });
  server.connection.result(2);
  expect(await picture).toBe('picture of one');
});

test('an iteration goes on where a refused configuration leaves one in force', async () => {
  const stream = open({ configuration: { style: 'anime' } });
  await until(() => expect(server.connection.configurations).toHaveLength(1));
  server.connection.text({ type: 'ready', model: 'tiny', seed: 7 });
  const next = stream[Symbol.asyncIterator]().next();
  stream.push(bytes('one'));
  stream.configure({ style: 'baroque' });
  await until(() => expect(framesOf()).toHaveLength(1));
  server.connection.text({ type: 'error', problem: { title: 'Unknown style', status: 400 } });
  await sleep(20);
  server.connection.result(1);
  expect(textOf((await next).value ?? undefined)).toBe('picture of one');
});

test('an AbortSignal closes the stream', async () => {
  const controller = new AbortController();
  const stream = open({ signal: controller.signal });
  await until(() => expect(stream.status.state).toBe('open'));
  const { socket } = server.connection;
  controller.abort();
  expect(stream.status.state).toBe('closed');
  await until(() => expect(socket.readyState).toBe(WebSocket.CLOSED));
  stream.push(bytes('too late'));
  expect(open({ signal: controller.signal }).status.state).toBe('closed');
});

test('without a WebSocket on the platform the error says what to pass', () => {
  vi.stubGlobal('WebSocket', undefined);
  expect(() => connect(server.url)).toThrow(/pass one, for example `import { WebSocket } from "ws"`/);
  vi.unstubAllGlobals();
});

function collect(stream: Img2ImgStream): StreamResult[] {
  const results: StreamResult[] = [];
  stream.on('result', (result) => results.push(result));
  return results;
}

/** How each frame ended, in order. */
function endingsOf(stream: Img2ImgStream): [number | undefined, string][] {
  const endings: [number | undefined, string][] = [];
  stream.on('result', ({ frame }) => endings.push([frame, 'result']));
  stream.on('dropped', ({ frames, reason }) => {
    for (const frame of frames) endings.push([frame, reason]);
  });
  stream.on('error', ({ frame, willRetry }) => {
    if (!willRetry) endings.push([frame, 'error']);
  });
  return endings;
}

function textOf(result: StreamResult | undefined): string {
  return new TextDecoder().decode(result?.image);
}
