/** The stream's rules, over a fake socket: the newest frame wins, equal ones are skipped, nothing grows. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Img2ImgError } from '../../src/errors.js';
import { ByteBudget } from '../../src/http/byte-budget.js';
import { StreamConnection } from '../../src/http/stream/connection.js';
import { STALL_BYTES } from '../../src/http/stream/outbox.js';
import { createFakeService, type FakeService } from './fake-service.js';
import { FakeSocket } from './fake-socket.js';
import { NOISE, sketch } from './support.js';

const MAX_FRAME = 100_000;
const MAX_BODIES = 1_000_000;
let bodies: ByteBudget;
let answers: ByteBudget;
let service: FakeService;
let socket: FakeSocket;
let connection: StreamConnection;
let outcomes: string[];
let failures: unknown[];

beforeEach(() => {
  bodies = new ByteBudget(MAX_BODIES, 'No room.');
  answers = new ByteBudget(MAX_BODIES, 'No room.');
  service = createFakeService();
  socket = new FakeSocket();
  outcomes = [];
  failures = [];
  connection = open();
});
afterEach(() => connection.closed());

function open(): StreamConnection {
  return new StreamConnection({
    socket,
    service,
    client: 'test',
    maxFrameBytes: MAX_FRAME,
    arrivalMs: 5_000,
    bodies,
    answers,
    pingMs: 1000,
    idleMs: 10_000,
    configured: () => {},
    frameEnded: (outcome, frame) => outcomes.push(`${frame} ${outcome}`),
    failed: (error) => failures.push(error),
  });
}

const say = (message: unknown) => connection.receive(Buffer.from(JSON.stringify(message)), false);
const configure = (fields: object = {}) => say({ type: 'configure', format: 'jpeg', ...fields });
const results = () => socket.ofType('result').map(({ frame }) => frame);
const untilResults = (count: number) => vi.waitFor(() => expect(results()).toHaveLength(count));
/** One frame runs and another, `same`, waits, both under seed 1, when seed 2 is configured. */
const configureWhileOneWaits = async () => {
  const same = await sketch('png', 2);
  configure({ seed: 1 });
  const release = service.hold();
  connection.receive(await sketch('png', 1), true);
  connection.receive(same, true);
  configure({ seed: 2 });
  return { same, release };
};
const settled = () => new Promise((resolve) => setTimeout(resolve, 30));

describe('a configuration', () => {
  it('is answered with what it came to', () => {
    configure({ prompt: 'duck', seed: 3 });
    expect(socket.messages()).toEqual([
      expect.objectContaining({
        type: 'ready',
        model: 'tiny-sketch',
        prompt: 'duck',
        seed: 3,
        size: '64x64',
      }),
    ]);
  });

  it('that is at fault changes nothing', async () => {
    configure({ seed: 3 });
    configure({ seed: 'x' });
    configure({ model: 'nope' });
    expect(socket.ofType('error').map(({ problem }) => problem.code)).toEqual([
      'invalid_request',
      'unknown_model',
    ]);
    connection.receive(await sketch(), true);
    await untilResults(1);
    expect(socket.ofType('result')[0]?.seed).toBe(3);
  });

  it('with countless unknown fields is told of the first twenty', () => {
    configure(Object.fromEntries(Array.from({ length: 4_000 }, (_, i) => [`k${i}`, 1])));
    expect(socket.ofType('error')[0]?.problem.errors).toHaveLength(20);
  });

  it('takes no fields of a single request', () => {
    configure({ n: 2 });
    expect(socket.ofType('error')[0]?.problem).toMatchObject({
      code: 'invalid_request',
      errors: [{ field: 'n', value: 2 }],
    });
  });
});

describe('a frame', () => {
  it('comes back as a message and then its picture', async () => {
    configure();
    connection.receive(await sketch(), true);
    await untilResults(1);
    expect(socket.sent.slice(1)).toEqual([
      expect.objectContaining({
        type: 'result',
        frame: 1,
        model: 'tiny-sketch',
        format: 'jpeg',
        batch_size: 1,
      }),
      expect.any(Uint8Array),
    ]);
    expect(service.jobs[0]).toMatchObject({ n: 1, priority: 'interactive', client: 'test' });
  });

  it('as text keeps its own id, and binary ones are counted by themselves', async () => {
    configure();
    say({ type: 'frame', id: 'mine', image: (await sketch('png', 1)).toString('base64') });
    await untilResults(1);
    connection.receive(await sketch('png', 2), true);
    await untilResults(2);
    say({
      type: 'frame',
      id: 7.5,
      image: `data:image/png;base64,${(await sketch('png', 3)).toString('base64')}`,
    });
    await untilResults(3);
    expect(results()).toEqual(['mine', 1, 7.5]);
  });

  it('overtaken while it waits is dropped; the one in flight is not', async () => {
    configure();
    const release = service.hold();
    for (let mark = 1; mark <= 5; mark++) connection.receive(await sketch('png', mark), true);
    release();
    await untilResults(2);
    expect(results()).toEqual([1, 5]);
    const dropped = socket.ofType('dropped');
    expect(dropped.flatMap(({ frames }) => frames)).toEqual([2, 3, 4]);
    expect(dropped.every(({ reason }) => reason === 'overtaken')).toBe(true);
    expect(service.jobs).toHaveLength(2);
    expect(outcomes).toEqual(['2 overtaken', '3 overtaken', '4 overtaken', '1 result', '5 result']);
  });

  it('equal to the one before is not run again, whether that one waits, runs or is done', async () => {
    configure();
    const same = await sketch('png', 1);
    const release = service.hold();
    connection.receive(same, true);
    connection.receive(same, true);
    connection.receive(await sketch('png', 2), true);
    connection.receive(await sketch('png', 2), true);
    release();
    await untilResults(2);
    connection.receive(await sketch('png', 2), true);
    await settled();
    expect(service.jobs).toHaveLength(2);
    expect(outcomes.filter((outcome) => outcome.endsWith('unchanged'))).toEqual([
      '2 unchanged',
      '4 unchanged',
      '5 unchanged',
    ]);
  });

  it('that goes back to what is shown is not run again', async () => {
    configure();
    connection.receive(await sketch('png', 1), true);
    await untilResults(1);
    const release = service.hold();
    connection.receive(await sketch('png', 2), true);
    connection.receive(await sketch('png', 3), true);
    connection.receive(await sketch('png', 2), true);
    release();
    await untilResults(2);
    await settled();
    expect(results()).toEqual([1, 2]);
    expect(outcomes).toContain('4 unchanged');
  });

  it('equal to the one before runs again under another configuration', async () => {
    configure({ seed: 1 });
    connection.receive(await sketch(), true);
    await untilResults(1);
    configure({ seed: 2 });
    connection.receive(await sketch(), true);
    await untilResults(2);
    configure({ seed: 2 });
    connection.receive(await sketch(), true);
    await settled();
    expect(socket.ofType('result').map(({ seed }) => seed)).toEqual([1, 2]);
  });

  it('is made under the configuration it came under, however long it waits', async () => {
    const { release } = await configureWhileOneWaits();
    release();
    await untilResults(2);
    expect(socket.ofType('result').map(({ frame, seed }) => [frame, seed])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  it('that waits is overtaken by an equal one under another configuration', async () => {
    const { same, release } = await configureWhileOneWaits();
    connection.receive(same, true);
    release();
    await untilResults(2);
    expect(outcomes).toEqual(['2 overtaken', '1 result', '3 result']);
    expect(socket.ofType('result').map(({ seed }) => seed)).toEqual([1, 2]);
  });

  it('that fails is an error with its number, and may be tried again', async () => {
    configure();
    connection.receive(Buffer.from('nonsense'), true);
    await vi.waitFor(() => expect(socket.ofType('error')).toHaveLength(1));
    connection.receive(Buffer.from('nonsense'), true);
    await vi.waitFor(() => expect(socket.ofType('error')).toHaveLength(2));
    expect(socket.ofType('error')[1]).toMatchObject({
      frame: 2,
      problem: { code: 'unsupported_image_type' },
    });
    connection.receive(await sketch(), true);
    await untilResults(1);
    expect(failures).toEqual([]);
  });

  it('that finds the queue full waits and is tried again; only the newest is', async () => {
    const [one, two] = await Promise.all([sketch('png', 1), sketch('png', 2)]);
    configure();
    service.fail(new Img2ImgError('queue_full', 'Full.', { retryAfterSeconds: 0.4 }));
    connection.receive(one, true);
    await vi.waitFor(() => expect(service.jobs).toHaveLength(1));
    await settled();
    connection.receive(two, true);
    await settled();
    expect(service.jobs).toHaveLength(1);
    service.fail(undefined);
    await untilResults(1);
    expect(results()).toEqual([2]);
    expect(outcomes).toEqual(['1 overtaken', '2 result']);
    expect(socket.ofType('error')).toEqual([]);
  });

  it('that finds the queue full does not wait for the whole backlog', async () => {
    configure();
    service.fail(new Img2ImgError('queue_full', 'Full.', { retryAfterSeconds: 51 }));
    connection.receive(await sketch(), true);
    await vi.waitFor(() => expect(service.jobs).toHaveLength(1));
    await settled();
    service.fail(undefined);
    await untilResults(1);
  });

  it('that fails by a fault of ours gives nothing away, and the log is told', async () => {
    configure();
    service.fail(new TypeError('secret'));
    connection.receive(await sketch(), true);
    await vi.waitFor(() => expect(socket.ofType('error')).toHaveLength(1));
    expect(JSON.stringify(socket.ofType('error'))).not.toContain('secret');
    expect(failures).toHaveLength(1);
  });
});

describe('the memory of messages', () => {
  const send = (data: Buffer) => {
    connection.arrived(data.length);
    connection.receive(data, true);
  };
  /** Only where nothing is held is there room for more than the budget. */
  const isAllGivenBack = (budget = bodies) => {
    try {
      budget.open().expect(2 * MAX_BODIES);
      return true;
    } catch {
      return false;
    }
  };

  it('is held while a frame waits and runs, and given back however it ends', async () => {
    connection.arrived(40);
    configure();
    expect(isAllGivenBack()).toBe(true);
    const release = service.hold();
    for (const mark of [1, 2, 3, 3]) send(await sketch('png', mark));
    send(Buffer.alloc(MAX_FRAME - 1));
    expect(isAllGivenBack()).toBe(false);
    release();
    await vi.waitFor(() => expect(outcomes).toContain('5 error'));
    expect(outcomes.toSorted()).toEqual(['1 result', '2 overtaken', '3 overtaken', '4 unchanged', '5 error']);
    expect(isAllGivenBack()).toBe(true);
  });

  it('is given back when the stream ends: of what runs, waits and has come in half', async () => {
    configure();
    const release = service.hold();
    send(await sketch('png', 1));
    send(await sketch('png', 2));
    connection.arrived(5000);
    connection.closed();
    release();
    await vi.waitFor(() => expect(isAllGivenBack()).toBe(true));
  });

  it('is held by pictures until the client has read them, or is gone', async () => {
    configure();
    socket.reading = false;
    send(await sketch('png', 1));
    await untilResults(1);
    expect(isAllGivenBack(answers)).toBe(false);
    socket.readOn();
    expect(isAllGivenBack(answers)).toBe(true);
    send(await sketch('png', 2));
    await untilResults(2);
    expect(isAllGivenBack(answers)).toBe(false);
    connection.closed();
    expect(isAllGivenBack(answers)).toBe(true);
  });

  it('that is not there for a picture makes its frame wait until there is', async () => {
    const others = answers.open();
    others.add(MAX_BODIES);
    configure();
    send(await sketch('png', 1));
    await vi.waitFor(() => expect(service.jobs).toHaveLength(1));
    await settled();
    expect([results(), outcomes]).toEqual([[], []]);
    expect(isAllGivenBack()).toBe(false);
    others.giveBack();
    await vi.waitFor(() => expect(outcomes).toEqual(['1 result']), 3_000);
    expect(isAllGivenBack()).toBe(true);
  });

  it('is not held by pongs, nor by any but the message they come between', () => {
    connection.arrived(10);
    connection.control(4);
    expect(isAllGivenBack()).toBe(true);
    connection.arrived(100);
    connection.arrived(10);
    connection.control(4);
    expect(isAllGivenBack()).toBe(false);
  });

  it('that is not there closes the stream with 1013', () => {
    bodies.open().add(MAX_BODIES - 10);
    connection.arrived(20);
    expect(socket.closes).toEqual([[1013, 'too many images are being sent at once']]);
  });
});

describe('the time of a message', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const pong = () => {
    connection.arrived(6);
    connection.control(0);
  };

  it('runs from its first bytes, whatever comes between, and closes the stream with 1008', () => {
    connection.arrived(100);
    for (let second = 1; second < 5; second++) {
      vi.advanceTimersByTime(1_000);
      connection.arrived(100);
      pong();
    }
    expect(socket.closes).toEqual([]);
    vi.advanceTimersByTime(1_000);
    expect(socket.closes).toEqual([[1008, 'a message was not whole after 5 s']]);
  });

  it('begins anew with each, and does not run while none comes in', () => {
    for (let mark = 0; mark < 3; mark++) {
      connection.arrived(100);
      vi.advanceTimersByTime(4_000);
      configure();
    }
    for (let second = 0; second < 5; second++) {
      pong();
      vi.advanceTimersByTime(1_000);
    }
    expect(socket.closes).toEqual([]);
  });
});

describe('a message at fault is an error that says so, and the connection lives on', () => {
  it.each([
    ['bad JSON', '{"type":', 'invalid_message', undefined],
    ['not an object', '[1]', 'invalid_message', undefined],
    ['nested without end', `{"type":${'['.repeat(50_000)}`, 'invalid_message', undefined],
    ['an unknown type', '{"type":"paint"}', 'invalid_message', undefined],
    ['no type', '{}', 'invalid_message', undefined],
    ['an unknown field', '{"type":"frame","id":1,"image":"AAAA","seed":1}', 'invalid_request', 1],
    ['a frame without an id', '{"type":"frame","image":"AAAA"}', 'invalid_request', undefined],
    ['a frame that is not base64', '{"type":"frame","id":"a","image":"?"}', 'invalid_request', 'a'],
    ['a frame before configure', '{"type":"frame","id":"a","image":"AAAA"}', 'not_configured', 'a'],
  ])('%s', async (_name, text, code, frame) => {
    connection.receive(Buffer.from(text), false);
    const [error] = socket.ofType('error');
    expect(error?.problem.code).toBe(code);
    expect(error?.frame).toBe(frame);
    expect(socket.closes).toEqual([]);
    configure();
    connection.receive(await sketch(), true);
    await untilResults(1);
  });

  it.each([
    ['{}', 'The message has no type; the types are configure and frame.'],
    [
      '{"type":"frame","image":"AAAA"}',
      'id must be text of at most 200 characters or a number, it is missing',
    ],
    ['{"type":"frame","id":{},"image":"AAAA"}', 'or a number, not "an object"'],
    ['{"type":"frame","id":1}', 'image must be text, it is missing'],
    ['{"type":"configure","gamma":1e999}', 'gamma must be a number from 0 to 1, not "Infinity"'],
  ])('%s: in words for people', (text, expected) => {
    connection.receive(Buffer.from(text), false);
    const detail = socket.ofType('error')[0]?.problem.detail;
    expect(detail).toContain(expected);
    expect(detail).not.toMatch(NOISE);
  });

  it('a frame after a configuration that was refused, in words that say so', async () => {
    for (const fields of [{ seed: 'x' }, { model: 'nope' }]) {
      connection = open();
      configure(fields);
      connection.receive(await sketch(), true);
      const { problem } = socket.ofType('error').at(-1) ?? {};
      expect(problem).toMatchObject({
        code: 'not_configured',
        detail: expect.stringMatching(/^The configuration was refused/),
      });
    }
  });

  it('a binary frame before configure', async () => {
    connection.receive(await sketch(), true);
    expect(outcomes).toEqual(['1 error']);
    expect(socket.ofType('error')[0]).toMatchObject({
      frame: 1,
      problem: { code: 'not_configured', status: 409 },
    });
    expect(socket.closes).toEqual([]);
  });

  it('but one over the limit closes it with 1009, after saying why', () => {
    configure();
    connection.oversize();
    expect(socket.ofType('error')[0]?.problem).toMatchObject({
      code: 'body_too_large',
      limit_bytes: MAX_FRAME,
    });
    expect(socket.closes).toEqual([[1009, 'message too big']]);
  });
});

describe('a client that does not read', () => {
  it('gets no new frame started, and the newest when it reads on', async () => {
    socket.reading = false;
    configure();
    socket.bufferedAmount += 2 * 1024 * 1024;
    for (let mark = 1; mark <= 5; mark++) connection.receive(await sketch('png', mark), true);
    await settled();
    expect(service.jobs).toHaveLength(0);
    expect(socket.messages().map(({ type }) => type)).toEqual(['ready']);
    socket.bufferedAmount -= 2 * 1024 * 1024;
    socket.reading = true;
    socket.readOn();
    await untilResults(1);
    expect(results()).toEqual([5]);
    expect(socket.ofType('dropped').flatMap(({ frames }) => frames)).toEqual([1, 2, 3, 4]);
  });

  it('is not listened to either once even notices pile up', async () => {
    configure();
    socket.reading = false;
    let messages = 0;
    while (!socket.paused) {
      say({ type: 'unknown'.repeat(10) });
      if (++messages > 100_000) throw new Error('never paused');
    }
    expect(socket.bufferedAmount).toBeLessThan(STALL_BYTES + 10_000);
    socket.readOn();
    expect(socket.paused).toBe(false);
  });
});

describe('time', () => {
  beforeEach(() => {
    connection.closed();
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] });
    connection = open();
  });
  afterEach(() => vi.useRealTimers());

  it('a client that answers pings stays', () => {
    for (let second = 1; second <= 5; second++) {
      vi.advanceTimersByTime(1000);
      expect(socket.pings).toBe(second);
      socket.bytesRead += 6;
    }
    expect(socket.terminated).toBe(false);
  });

  it('a client from which nothing comes after a ping is gone', () => {
    vi.advanceTimersByTime(1000);
    expect(socket.terminated).toBe(false);
    vi.advanceTimersByTime(1000);
    expect(socket.terminated).toBe(true);
  });

  it('a client that sends nothing for long is closed', () => {
    for (let second = 1; second <= 9; second++) {
      socket.bytesRead += 6;
      vi.advanceTimersByTime(1000);
    }
    expect(socket.closes).toEqual([]);
    configure();
    for (let second = 1; second <= 10; second++) {
      socket.bytesRead += 6;
      vi.advanceTimersByTime(1000);
    }
    expect(socket.closes).toEqual([[1000, 'idle']]);
    connection.closed();
    vi.advanceTimersByTime(100_000);
    expect(socket.terminated).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('time on a client that waits', () => {
  beforeEach(() => {
    connection.closed();
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] });
    connection = open();
  });
  afterEach(() => vi.useRealTimers());

  const settledTurn = () => new Promise((resolve) => setImmediate(resolve));
  /** Seconds in which nothing comes but answers to pings. */
  async function pass(seconds: number) {
    for (let second = 1; second <= seconds; second++) {
      socket.bytesRead += 6;
      await vi.advanceTimersByTimeAsync(1000);
    }
  }

  it('for its picture knows no idle limit until it came', async () => {
    configure();
    const release = service.hold();
    connection.receive(await sketch(), true);
    await pass(25);
    expect(socket.closes).toEqual([]);
    release();
    await vi.waitFor(() => expect(results()).toEqual([1]));
    await pass(9);
    expect(socket.closes).toEqual([]);
    await pass(2);
    expect(socket.closes).toEqual([[1000, 'idle']]);
  });

  it('for room in the queue knows none either', async () => {
    configure();
    service.fail(new Img2ImgError('queue_full', 'Full.', { retryAfterSeconds: 51 }));
    connection.receive(await sketch(), true);
    await pass(25);
    expect(socket.closes).toEqual([]);
  });

  it('for room for its picture has the frame run once, and the newest after it', async () => {
    const others = answers.open();
    others.add(MAX_BODIES);
    const translate = vi.spyOn(service, 'translate');
    configure();
    connection.receive(await sketch('png', 1), true);
    await translate.mock.results[0]?.value;
    for (const mark of [1, 2, 3]) connection.receive(await sketch('png', mark), true);
    await pass(25);
    expect(translate).toHaveBeenCalledOnce();
    expect([outcomes, socket.closes]).toEqual([['2 unchanged', '3 overtaken'], []]);
    others.giveBack();
    await vi.waitFor(() => expect(results()).toEqual([1, 4]));
    expect(translate).toHaveBeenCalledTimes(2);
  });

  it('for room for its picture is told when the server stops, and keeps nothing when it leaves', async () => {
    answers.open().add(MAX_BODIES);
    const translate = vi.spyOn(service, 'translate');
    configure();
    connection.receive(await sketch(), true);
    await translate.mock.results[0]?.value;
    await pass(1);
    void connection.finish();
    await pass(1);
    expect(socket.ofType('error')).toMatchObject([{ frame: 1, problem: { code: 'queue_full' } }]);
    expect(socket.closes).toEqual([[1001, 'server is shutting down']]);
    connection.closed();
    connection = open();
    configure({ seed: 2 });
    connection.receive(await sketch(), true);
    await translate.mock.results[1]?.value;
    await pass(1);
    connection.closed();
    await settledTurn();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is cut when it does not answer the close message', async () => {
    void connection.finish();
    expect(socket.closes).toHaveLength(1);
    await pass(2);
    expect(socket.terminated).toBe(true);
  });

  it('is not cut while it reads on towards the close message', async () => {
    socket.bufferedAmount = 3000;
    void connection.finish();
    for (socket.bufferedAmount of [2000, 1000, 0]) {
      await pass(1);
      expect(socket.terminated).toBe(false);
    }
    await pass(1);
    expect(socket.terminated).toBe(true);
  });
});

describe('the end', () => {
  it('of a client that leaves aborts its frame and starts no other', async () => {
    configure();
    service.hold();
    connection.receive(await sketch('png', 1), true);
    connection.receive(await sketch('png', 2), true);
    connection.closed();
    await settled();
    expect(service.jobs).toHaveLength(1);
    expect(service.jobs[0]?.signal?.aborted).toBe(true);
    expect(socket.messages().map(({ type }) => type)).toEqual(['ready']);
  });

  it('of the server answers the frame in flight, refuses the waiting one and closes with 1001', async () => {
    configure();
    const release = service.hold();
    connection.receive(await sketch('png', 1), true);
    connection.receive(await sketch('png', 2), true);
    const finished = connection.finish();
    connection.receive(await sketch('png', 3), true);
    expect(socket.closes).toEqual([]);
    release();
    await vi.waitFor(() => expect(socket.closes).toEqual([[1001, 'server is shutting down']]));
    expect(results()).toEqual([1]);
    expect(socket.ofType('error')).toMatchObject([{ frame: 2, problem: { code: 'draining' } }]);
    connection.closed();
    await finished;
  });
});
