/** Bad input gets a clear problem, and nothing else is harmed. */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Img2ImgError } from '../../src/errors.js';
import { form, sketch, type TestApp, testApp } from './support.js';

let test: TestApp;
let png: Buffer;

beforeEach(async () => {
  test = testApp({ MAX_BODY_MB: '1' });
  png = await sketch();
});
afterEach(() => test.app.close());

const post = (query: string, payload: Buffer | string | object = png, headers: Record<string, string> = {}) =>
  test.app.inject({ method: 'POST', url: `/v1/translate${query}`, payload, headers });

async function expectProblem(
  response:
    | { statusCode: number; headers: Record<string, unknown>; json(): unknown }
    | Promise<{ statusCode: number; headers: Record<string, unknown>; json(): unknown }>,
  status: number,
  code: string,
) {
  const answer = await response;
  const problem = answer.json() as Record<string, unknown>;
  expect(problem).toMatchObject({ status, code });
  expect(answer.statusCode).toBe(status);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(problem.title).toBeTypeOf('string');
  expect(problem.detail).toBeTypeOf('string');
  expect(problem.instance).toBe(answer.headers['x-request-id']);
  expect(problem.type).toBe(`/docs/problems#${code.replaceAll('_', '-')}`);
  return problem;
}

describe('a field at fault is named with its value and what is allowed', () => {
  it.each([
    ['gamma=abc', 'gamma', 'abc', 'a number from 0 to 1'],
    ['gamma=1.5', 'gamma', 1.5, 'a number from 0 to 1'],
    ['n=9', 'n', 9, 'an integer from 1 to 8'],
    ['n=1.5', 'n', 1.5, 'an integer from 1 to 8'],
    ['seed=2147483648', 'seed', 2147483648, 'an integer from -2147483648 to 2147483647'],
    ['seed=0x10', 'seed', '0x10', 'an integer from -2147483648 to 2147483647'],
    ['quality=0', 'quality', 0, 'an integer from 1 to 100'],
    ['format=tiff', 'format', 'tiff', 'one of png, jpeg, webp, avif'],
    ['fit=stretch', 'fit', 'stretch', 'one of cover, contain, fill, none'],
    ['invert=maybe', 'invert', 'maybe', 'one of auto, true, false'],
    ['restore_size=maybe', 'restore_size', 'maybe', 'true or false'],
    ['size=512', 'size', '512', 'text such as 512x512'],
    ['timeout_ms=0', 'timeout_ms', 0, 'an integer from 1 to 600000'],
    ['priority=high', 'priority', 'high', 'one of interactive, normal'],
  ])('%s in the query', async (query, field, value, allowed) => {
    const problem = await expectProblem(post(`?${query}`), 400, 'invalid_request');
    expect(problem.errors).toEqual([{ field, value, allowed, message: expect.stringContaining(field) }]);
    expect(problem.detail).toContain(allowed);
    expect(test.service.jobs).toHaveLength(0);
  });

  it('a wrong type in JSON', async () => {
    const image = png.toString('base64');
    const problem = await expectProblem(post('', { image, gamma: '0.5', prompt: 3 }), 400, 'invalid_request');
    expect(problem.errors).toMatchObject([
      { field: 'prompt', value: 3 },
      { field: 'gamma', value: '0.5', allowed: 'a number from 0 to 1' },
    ]);
  });

  it('an unknown field, in the query, in JSON and in a form, also as a file', async () => {
    const image = png.toString('base64');
    const withForm = form([
      { name: 'image', value: png, filename: 'in.png' },
      { name: 'mask', value: png, filename: 'mask.png' },
      { name: 'promt', value: 'duck' },
    ]);
    for (const response of [
      await post('?promt=duck'),
      await post('', { image, promt: 'duck' }),
      await post('', withForm.payload, withForm.headers),
    ]) {
      const problem = await expectProblem(response, 400, 'invalid_request');
      const faults = problem.errors as { field: string; value: unknown; allowed: string[] }[];
      const fault = faults.find(({ field }) => field === 'promt');
      expect(fault?.value).toBe('duck');
      expect(fault?.allowed).toContain('prompt');
    }
    expect(
      await expectProblem(post('', withForm.payload, withForm.headers), 400, 'invalid_request'),
    ).toMatchObject({
      errors: [{ field: 'mask', value: 'a file' }, { field: 'promt' }],
    });
  });

  it('a field of a form as a file, and the image as text', async () => {
    const swapped = form([
      { name: 'image', value: 'in.png' },
      { name: 'prompt', value: 'duck', filename: 'prompt.txt' },
    ]);
    expect(
      await expectProblem(post('', swapped.payload, swapped.headers), 400, 'invalid_request'),
    ).toMatchObject({
      errors: [
        { field: 'image', value: 'in.png', message: expect.stringContaining('must be a file part') },
        { field: 'prompt', value: 'a file', message: 'prompt must be a text part, not a file' },
      ],
    });
    const unnamed = form([{ name: 'image', value: png }]);
    expect((await post('', unnamed.payload, unnamed.headers)).statusCode).toBe(200);
  });

  it('of thousands of unknown ones only the first twenty, and no long name whole', async () => {
    const unknown = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 1]));
    test = testApp();
    const problem = await expectProblem(post('', unknown(4_000)), 400, 'invalid_request');
    expect(problem.errors).toHaveLength(20);
    expect(JSON.stringify(problem).length).toBeLessThan(20_000);
    const tooMany = await expectProblem(post('', unknown(6_000)), 400, 'malformed_body');
    expect(tooMany.detail).toMatch('too many values');
    const long = await expectProblem(post('', { ['x'.repeat(100_000)]: 1 }), 400, 'invalid_request');
    expect(JSON.stringify(long).length).toBeLessThan(5_000);
  });

  it.each(['model', 'style', 'direction'])(
    'a %s longer than any id, without telling it back',
    async (field) => {
      const image = png.toString('base64');
      const problem = await expectProblem(
        post('', { image, [field]: 'x'.repeat(100_000) }),
        400,
        'invalid_request',
      );
      expect(problem.errors).toMatchObject([{ field, allowed: 'text of at most 200 characters' }]);
      expect(JSON.stringify(problem).length).toBeLessThan(2_000);
    },
  );

  it('a prototype’s name as a field', async () => {
    const payload = `{"image":"${png.toString('base64')}","__proto__":{"n":8},"constructor":1}`;
    await expectProblem(post('', payload, { 'content-type': 'application/json' }), 400, 'invalid_request');
  });

  it('a field given twice', async () => {
    expect(await expectProblem(post('?seed=1&seed=2'), 400, 'invalid_request')).toMatchObject({
      errors: [{ field: 'seed', message: 'seed is given twice' }],
    });
    const twice = form([
      { name: 'image', value: png, filename: 'a.png' },
      { name: 'image', value: png, filename: 'b.png' },
      { name: 'seed', value: '1' },
      { name: 'seed', value: '2' },
    ]);
    expect(await expectProblem(post('', twice.payload, twice.headers), 400, 'invalid_request')).toMatchObject(
      {
        errors: [{ field: 'image' }, { field: 'seed' }],
      },
    );
    const both = { image: png.toString('base64'), seed: 1 };
    expect(await expectProblem(post('?seed=2', both), 400, 'invalid_request')).toMatchObject({
      errors: [{ field: 'seed', message: 'seed is given twice' }],
    });
  });

  it('a prompt over 2,000 characters, without sending it all back', async () => {
    const image = png.toString('base64');
    const problem = await expectProblem(
      post('', { image, prompt: 'a'.repeat(2001) }),
      400,
      'invalid_request',
    );
    expect(problem.errors).toMatchObject([{ field: 'prompt', allowed: 'text of at most 2000 characters' }]);
    expect(JSON.stringify(problem).length).toBeLessThan(1000);
    expect((await post('', { image, prompt: 'a'.repeat(2000) })).statusCode).toBe(200);
  });
});

describe('an image at fault', () => {
  it.each([
    ['text', Buffer.from('not an image')],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>')],
    ['PDF', Buffer.from('%PDF-1.7\n')],
  ])('%s is a 415', async (_name, bytes) => {
    await expectProblem(post('', bytes), 415, 'unsupported_image_type');
  });

  it('a truncated one is a 400', async () => {
    await expectProblem(post('', png.subarray(0, png.length - 40)), 400, 'invalid_image');
  });

  it.each([
    ['no body', () => post('', '')],
    ['an empty JSON object', () => post('', {})],
    ['an empty form', () => post('', form([{ name: 'prompt', value: 'x' }]).payload, form([]).headers)],
    [
      'an empty file',
      () => post('', form([{ name: 'image', value: '', filename: 'a.png' }]).payload, form([]).headers),
    ],
  ])('none at all, with %s, is told what to send', async (_name, send) => {
    expect(await expectProblem(send(), 400, 'invalid_request')).toMatchObject({
      errors: [{ field: 'image' }],
    });
  });

  it.each([
    ['other characters', '!!!notbase64'],
    ['line breaks', `${'A'.repeat(76)}\n${'A'.repeat(76)}`],
    ['an impossible length', 'AAAAA'],
    ['something after the padding', 'QUI=QUJD'],
    ['a data URI that is not base64', 'data:image/png,abc'],
    ['a URL', 'https://example.org/in.png'],
    ['a number', 7],
    ['nothing', ''],
  ])('%s instead of base64 is a 400', async (_name, image) => {
    expect(await expectProblem(post('', { image }), 400, 'invalid_request')).toMatchObject({
      errors: [{ field: 'image' }],
    });
  });
});

describe('a body at fault', () => {
  it('is malformed JSON', async () => {
    for (const payload of ['{"image":', '[]', '"text"', 'null']) {
      await expectProblem(post('', payload, { 'content-type': 'application/json' }), 400, 'malformed_body');
    }
  });

  it('is a form without a boundary, or one that ends early', async () => {
    await expectProblem(post('', 'x', { 'content-type': 'multipart/form-data' }), 400, 'malformed_body');
    const { payload, headers } = form([{ name: 'image', value: png, filename: 'a.png' }]);
    await expectProblem(post('', payload.subarray(0, payload.length - 60), headers), 400, 'malformed_body');
  });

  it.each([
    ['a type only', 'Content-Type: image/png\r\n', /part 1 has no .*form-data.* with a name/],
    ['no headers', '', /headers of part 1 are too long/],
    ['another disposition', 'Content-Disposition: attachment; name="image"\r\n', /part 1 has no/],
    ['no name', 'Content-Disposition: form-data\r\n', /part 1 has no/],
    ['a line that is no header', 'X\r\n', /part 1 has no .*form-data.* with a name/],
  ])('is a form with a large part that has %s, and is answered', async (_name, headers, detail) => {
    const { port } = new URL(await test.listen());
    const body = `--b\r\n${headers}\r\n${'x'.repeat(40_000)}\r\n--b--\r\n`;
    const head = `POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n`;
    const answer = await exchange(Number(port), `${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({
      code: 'malformed_body',
      detail: expect.stringMatching(detail),
    });
  });

  it('has a type that is none', async () => {
    await expectProblem(post('', png, { 'content-type': 'image' }), 415, 'unsupported_media_type');
  });

  it('is compressed', async () => {
    await expectProblem(post('', png, { 'content-encoding': 'gzip' }), 415, 'unsupported_media_type');
  });

  it('is over the limit: raw, as JSON and as a form', async () => {
    const big = Buffer.alloc(1024 * 1024 + 1);
    const asForm = form([{ name: 'image', value: big, filename: 'a.png' }]);
    await expectProblem(post('', big), 413, 'body_too_large');
    await expectProblem(post('', { image: big.toString('base64') }), 413, 'body_too_large');
    await expectProblem(post('', asForm.payload, asForm.headers), 413, 'body_too_large');
  });

  it.each(['application/octet-stream', 'application/json', 'multipart/form-data; boundary=b'])(
    'is over the limit without saying its length, as %s, and the connection can go on',
    async (type) => {
      const { port } = new URL(await test.listen());
      const { status, body } = await sendEndlessly(Number(port), type, 3 * 1024 * 1024);
      expect(status).toBe(413);
      expect(JSON.parse(body)).toMatchObject({ code: 'body_too_large' });
      expect((await fetch(`http://127.0.0.1:${port}/health/live`)).status).toBe(200);
    },
  );
});

describe('the bodies held at once', () => {
  const head = (type: string, framing: string) =>
    `POST /v1/translate HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\n${framing}\r\n\r\n`;

  /** A client that says this and then nothing more. */
  function say(port: number, ...data: (string | Buffer)[]) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    for (const each of data) socket.write(each);
    return socket;
  }

  it('are not those only announced', async () => {
    test = testApp({ MAX_BODY_MB: '1', MAX_BODIES_MB: '1' });
    const { port } = new URL(await test.listen());
    const idle = Array.from({ length: 5 }, () =>
      say(Number(port), head('image/png', 'Content-Length: 1048576'), 'x'),
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    const headers = { 'content-type': 'image/png' };
    const answer = await fetch(`http://127.0.0.1:${port}/v1/translate`, {
      method: 'POST',
      body: png,
      headers,
    });
    expect(answer.status).toBe(200);
    for (const socket of idle) socket.destroy();
  });

  it.each(['image/png', 'application/json', 'multipart/form-data; boundary=b'])(
    'over the budget refuse the one that goes over it as it comes, as %s, until others end',
    async (type) => {
      test = testApp({ MAX_BODY_MB: '1', MAX_BODIES_MB: '1' });
      const { port } = new URL(await test.listen());
      const holder = say(Number(port), head('image/png', 'Content-Length: 1000000'), Buffer.alloc(900_000));
      await new Promise((resolve) => setTimeout(resolve, 100));
      const { status, body } = await sendEndlessly(Number(port), type, 400_000);
      expect(status).toBe(429);
      expect(JSON.parse(body)).toMatchObject({ code: 'queue_full', limit_bytes: 1048576 });
      holder.destroy();
      await vi.waitFor(async () =>
        expect((await sendEndlessly(Number(port), 'image/png', 400_000)).status).toBe(415),
      );
    },
  );
});

/** Sends a chunked body of `bytes`, and gives the answer. */
function sendEndlessly(port: number, type: string, bytes: number): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { port, agent: false, method: 'POST', path: '/v1/translate', headers: { 'content-type': type } },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text) => {
          body += text;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    outgoing.on('error', reject);
    if (type.startsWith('multipart')) {
      outgoing.write('--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n');
    }
    for (let sent = 0; sent < bytes; sent += 65536) outgoing.write(Buffer.alloc(65536, 97));
    outgoing.end();
  });
}

describe('what the service refuses', () => {
  it.each([
    ['queue_full', 429, '3'],
    ['deadline_exceeded', 504, undefined],
    ['engine_unavailable', 503, '3'],
    ['inference_failed', 500, undefined],
    ['model_unavailable', 503, undefined],
    ['unknown_direction', 400, undefined],
    ['image_too_large', 413, undefined],
  ] as const)('%s is a %i', async (code, status, retryAfter) => {
    test.service.fail(
      new Img2ImgError(code, 'The reason.', {
        details: { available: ['a'] },
        ...(retryAfter === undefined ? {} : { retryAfterSeconds: 2.2 }),
      }),
    );
    const response = await post('');
    expect(await expectProblem(response, status, code)).toMatchObject({
      detail: 'The reason.',
      available: ['a'],
    });
    expect(response.headers['retry-after']).toBe(retryAfter);
  });

  it('an unknown model is a 404 and an unknown style a 400, listing those there are', async () => {
    expect(await expectProblem(post('?model=nope'), 404, 'unknown_model')).toMatchObject({
      models: ['tiny-sketch'],
    });
    expect((await expectProblem(post('?style=nope'), 400, 'unknown_style')).detail).toContain('anime');
  });

  it('a stopping server is a 503', async () => {
    test.service.drain();
    await expectProblem(post(''), 503, 'draining');
  });

  it('an unforeseen error is a 500 that gives nothing away', async () => {
    test.service.fail(new TypeError('secret /home/user/models'));
    const problem = await expectProblem(post(''), 500, 'internal_error');
    expect(JSON.stringify(problem)).not.toContain('secret');
  });
});

describe('a request that is for nothing here', () => {
  it('an unknown route is a 404', async () => {
    await expectProblem(test.app.inject({ url: '/v1/nothing?x=1' }), 404, 'not_found');
    await expectProblem(test.app.inject({ method: 'POST', url: '/' }), 405, 'method_not_allowed');
  });

  it.each([
    ['GET', '/v1/translate', 'POST'],
    ['DELETE', '/v1/models/tiny-sketch', 'GET, HEAD'],
    ['GET', '/v1/models/tiny-sketch/load', 'POST'],
    ['OPTIONS', '/v1/styles', 'GET, HEAD'],
  ] as const)('%s %s is a 405 that names %s', async (method, url, allow) => {
    const response = await test.app.inject({ method, url });
    await expectProblem(response, 405, 'method_not_allowed');
    expect(response.headers.allow).toBe(allow);
  });

  it('a bad URL is a 400', async () => {
    await expectProblem(test.app.inject({ url: '/v1/models/%zz' }), 400, 'bad_request');
  });

  it('GET /v1/stream without an upgrade is a 426', async () => {
    const response = await test.app.inject({ url: '/v1/stream' });
    await expectProblem(response, 426, 'upgrade_required');
    expect(response.headers.upgrade).toBe('websocket');
  });

  it('what is not HTTP gets a problem too', async () => {
    const { port } = new URL(await test.listen());
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad request\r\nContent-Type: application\/problem\+json/);
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ code: 'bad_request', status: 400 });
  });

  it('a WebSocket elsewhere is a 400', async () => {
    const { port } = new URL(await test.listen());
    const answers = await exchange(
      Number(port),
      'GET /v1/models HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    expect(answers).toMatch(/^HTTP\/1.1 400 .*"code":"bad_request"/s);
  });
});

describe('an offer to upgrade to something else is ignored', () => {
  const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
  const statuses = (answers: string) =>
    [...answers.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status);

  it('with GET and POST, on a connection that is kept', async () => {
    const { port } = new URL(await test.listen());
    const image = png.toString('base64');
    const body = JSON.stringify({ image });
    const post = `POST /v1/translate?response=json HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
    const answers = await exchange(
      Number(port),
      `GET /v1/styles HTTP/1.1\r\nHost: localhost\r\n${offer}\r\n`,
      `${post}${offer}Content-Length: ${body.length}\r\n\r\n${body}`,
      `${post}${offer}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n',
    );
    expect(statuses(answers)).toEqual(['200', '200', '200', '200']);
    expect(test.service.jobs.map((job) => Buffer.compare(job.image, png))).toEqual([0, 0]);
  });

  it('on the stream’s own route', async () => {
    const { port } = new URL(await test.listen());
    const answers = await exchange(
      Number(port),
      `GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n${offer}\r\n`,
    );
    expect(statuses(answers)).toEqual(['426']);
  });

  it('and pipelined requests without one are all answered', async () => {
    const { port } = new URL(await test.listen());
    const ask = 'GET /v1/styles HTTP/1.1\r\nHost: localhost\r\n\r\n';
    expect(statuses(await exchange(Number(port), ask.repeat(3)))).toEqual(['200', '200', '200']);
  });
});

/** Sends each request when the one before is answered, on one connection; everything that came back. */
async function exchange(port: number, ...requests: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answers = '';
  socket.on('data', (chunk) => {
    answers += chunk;
  });
  for (const request of requests) {
    const before = answers.length;
    socket.write(request);
    await vi.waitFor(() => expect(answers.length).toBeGreaterThan(before), 5_000);
  }
  // Answers of pipelined requests come after the first.
  await new Promise((resolve) => setTimeout(resolve, 50));
  socket.destroy();
  return answers;
}
