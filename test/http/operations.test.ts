/** Models, styles, health, metrics, docs, the studio, and what happens around every request. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { createFakeService } from './fake-service.js';
import { sketch, type TestApp, testApp } from './support.js';

let test: TestApp;
beforeEach(() => {
  test = testApp();
});
afterEach(() => test.app.close());

const get = (url: string, headers: Record<string, string> = {}) => test.app.inject({ url, headers });

describe('models', () => {
  it('are listed with the default, the failed ones with their reason', async () => {
    const body = (await get('/v1/models')).json();
    expect(body.default).toBe('tiny-sketch');
    expect(body.models).toMatchObject([
      { id: 'tiny-sketch', status: 'ready', residency: [{ device: 'cpu:0', state: 'loaded' }] },
      { id: 'broken', status: 'failed', reason: 'translator.onnx is missing' },
    ]);
  });

  it('are told one by one, and an unknown one is a 404', async () => {
    expect((await get('/v1/models/tiny-sketch')).json()).toMatchObject({
      id: 'tiny-sketch',
      default_gamma: 0.4,
    });
    expect((await get('/v1/models/nope')).json()).toMatchObject({
      code: 'unknown_model',
      models: ['tiny-sketch'],
    });
  });

  it('are loaded and unloaded, everywhere or on the device named in query or body', async () => {
    const url = '/v1/models/tiny-sketch';
    const post = (path: string, payload?: object) =>
      test.app.inject({
        method: 'POST',
        url: `${url}${path}`,
        ...(payload === undefined ? {} : { payload }),
      });
    expect((await post('/load')).statusCode).toBe(200);
    expect((await post('/unload?device=cpu:0')).statusCode).toBe(200);
    expect((await post('/load', { device: 'cpu:1' })).json()).toMatchObject({ id: 'tiny-sketch' });
    expect(test.service.residencyCalls).toEqual([
      { action: 'load', id: 'tiny-sketch', device: undefined },
      { action: 'unload', id: 'tiny-sketch', device: 'cpu:0' },
      { action: 'load', id: 'tiny-sketch', device: 'cpu:1' },
    ]);
    for (const device of ['cpu:0', 'cpu:1']) {
      expect((await post('/load?device=cpu:0', { device })).json()).toMatchObject({
        code: 'invalid_request',
        errors: [{ field: 'device', value: device, message: 'device is given twice' }],
      });
    }
    expect(test.service.residencyCalls).toHaveLength(3);
    expect((await post('/load', { gpu: 1 })).json()).toMatchObject({
      code: 'invalid_request',
      errors: [{ field: 'gpu', value: 1, allowed: ['device'] }],
    });
    expect((await post('/load?gpu=1')).json()).toMatchObject({
      code: 'invalid_request',
      errors: [{ field: 'gpu' }],
    });
  });
});

it.each(['application/x-www-form-urlencoded', 'text/plain'])(
  'an empty body called %s loads too',
  async (type) => {
    const load = (payload: string) =>
      test.app.inject({
        method: 'POST',
        url: '/v1/models/tiny-sketch/load',
        headers: { 'content-type': type, 'content-length': String(payload.length) },
        payload,
      });
    expect((await load('')).statusCode).toBe(200);
    const refused = await load('device=cpu:0');
    expect(refused.statusCode).toBe(415);
    expect(refused.json().detail).toBe(`This route takes application/json or no body at all, not ${type}.`);
  },
);

it.each(['', '; charset=utf-8'])('an empty body called application/json%s loads too', async (parameter) => {
  const load = (payload?: string) =>
    test.app.inject({
      method: 'POST',
      url: '/v1/models/tiny-sketch/load',
      headers: { 'content-type': `application/json${parameter}` },
      ...(payload === undefined ? {} : { payload }),
    });
  expect((await load()).statusCode).toBe(200);
  expect((await load('')).statusCode).toBe(200);
  expect((await load('{"device":"cpu:1"}')).statusCode).toBe(200);
  expect(test.service.residencyCalls.map(({ device }) => device)).toEqual([undefined, undefined, 'cpu:1']);
  for (const malformed of ['{', '{"__proto__":{"device":"cpu:1"}}', '{"constructor":{"prototype":{}}}']) {
    expect((await load(malformed)).json()).toMatchObject({ status: 400, code: 'malformed_body' });
  }
});

it('a load may take longer than a silent connection is kept', async () => {
  const url = await test.listen();
  test.app.server.timeout = 200;
  test.service.load = async (id) => {
    await new Promise((resolve) => setTimeout(resolve, 800));
    return test.service.model(id);
  };
  const response = await fetch(`${url}/v1/models/tiny-sketch/load`, { method: 'POST' });
  expect(response.status).toBe(200);
});

it('styles are listed', async () => {
  expect((await get('/v1/styles')).json()).toEqual({
    styles: [{ id: 'anime', title: 'Anime', template: 'anime {prompt}' }],
  });
});

describe('health', () => {
  it('is live always and ready when the service is', async () => {
    expect((await get('/health/live')).json()).toEqual({ status: 'live' });
    const ready = await get('/health/ready');
    expect(ready.statusCode).toBe(200);
    expect(ready.json()).toEqual({
      ready: true,
      reasons: [],
      devices: [{ id: 'cpu:0', state: 'ready', restarts: 0 }],
    });
    test.service.ready = false;
    const unready = await get('/health/ready');
    expect(unready.statusCode).toBe(503);
    expect(unready.json()).toMatchObject({ ready: false, reasons: ['tiny-sketch is loading'] });
    expect((await get('/health/live')).statusCode).toBe(200);
  });

  it('turns unready while draining; what was accepted is answered, what is new is refused', async () => {
    const url = await test.listen();
    const release = test.service.hold();
    const accepted = fetch(`${url}/v1/translate`, { method: 'POST', body: await sketch() });
    await vi.waitFor(() => expect(test.service.jobs).toHaveLength(1));
    let drained = false;
    const drain = test.app.drain().then(() => {
      drained = true;
    });
    const refused = await fetch(`${url}/v1/styles`);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('connection')).toBe('close');
    expect(await refused.json()).toMatchObject({ code: 'draining' });
    expect((await fetch(`${url}/health/ready`)).status).toBe(503);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    expect(drained).toBe(false);
    release();
    expect((await accepted).status).toBe(200);
    await drain;
  });
});

describe('a client that leaves', () => {
  it('aborts its translation, and is counted as such', async () => {
    const url = new URL(await test.listen());
    test.service.hold();
    const body = await sketch();
    const outgoing = httpRequest({ port: url.port, method: 'POST', path: '/v1/translate' });
    outgoing.on('error', () => {});
    outgoing.end(body);
    await vi.waitFor(() => expect(test.service.jobs).toHaveLength(1));
    expect(test.service.jobs[0]?.signal?.aborted).toBe(false);
    outgoing.destroy();
    await vi.waitFor(() => expect(test.service.jobs[0]?.signal?.aborted).toBe(true));
    await vi.waitFor(async () =>
      expect(await test.registry.metrics()).toContain(
        'img2img_http_requests_total{route="/v1/translate",method="POST",status="499",outcome="aborted"} 1',
      ),
    );
  });

  it('does not fire the signal of one that stays', async () => {
    const url = await test.listen();
    const response = await fetch(`${url}/v1/translate`, { method: 'POST', body: await sketch() });
    await response.arrayBuffer();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(test.service.jobs[0]?.signal?.aborted).toBe(false);
  });
});

describe('metrics', () => {
  it('count requests by outcome and time decoding and encoding', async () => {
    await test.app.inject({ method: 'POST', url: '/v1/translate', payload: await sketch() });
    await test.app.inject({ method: 'POST', url: '/v1/translate', payload: 'text' });
    await vi.waitFor(async () => {
      const response = await get('/metrics');
      expect(response.headers['content-type']).toContain('text/plain');
      const translate = 'img2img_http_requests_total{route="/v1/translate",method="POST"';
      expect(response.body).toContain(`${translate},status="200",outcome="ok"} 1`);
      expect(response.body).toContain(`${translate},status="415",outcome="unsupported_image_type"} 1`);
      expect(response.body).toContain('img2img_decode_duration_seconds_sum 0.001');
      expect(response.body).toContain('img2img_encode_duration_seconds_sum{format="png"} 0.004');
    });
  });
});

describe('the log', () => {
  it('has one line a request with its facts, and no prompt', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
    const app = buildApp({
      config: readConfig({}),
      service: createFakeService(),
      logger,
      studio: '/nowhere',
    });
    await app.inject({
      method: 'POST',
      url: '/v1/translate?prompt=secret',
      payload: await sketch(),
      headers: { 'x-request-id': 'r-7' },
    });
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      msg: 'request',
      reqId: 'r-7',
      method: 'POST',
      route: '/v1/translate',
      status: 200,
      outcome: 'ok',
      ms: expect.any(Number),
      model: 'tiny-sketch',
      batchSize: 1,
      queueMs: 2,
    });
    expect(lines[0]).not.toContain('secret');
    await app.close();
  });
});

describe('pages of other origins', () => {
  const asPage = (
    origin: string,
    method: 'GET' | 'POST' | 'OPTIONS' = 'POST',
    more: Record<string, string> = {},
  ) =>
    test.app.inject({
      method,
      url: '/v1/models/tiny-sketch/load',
      headers: { origin, host: 'localhost:8080', ...more },
    });

  it('may not make the server work unless CORS_ORIGIN names them', async () => {
    expect((await asPage('https://evil.example')).json()).toMatchObject({
      code: 'origin_not_allowed',
      status: 403,
    });
    expect((await asPage('null')).statusCode).toBe(403);
    expect((await asPage('http://localhost:8080')).statusCode).toBe(200);
    const listed = await get('/v1/models', { origin: 'https://evil.example', host: 'localhost:8080' });
    expect(listed.headers['access-control-allow-origin']).toBeUndefined();
  });

  describe('may not pass for ours by a name that was made to point here', () => {
    const ask = (settings: Record<string, string>, host: string, url = '/v1/models/tiny-sketch/load') =>
      testApp(settings).app.inject({
        method: url.endsWith('/load') ? 'POST' : 'GET',
        url,
        // A browser says no Origin where it gets something of the page's own.
        headers: url.endsWith('/load') ? { origin: `http://${host}`, host } : { host },
      });
    const expectRefused = async (response: ReturnType<typeof ask>) => {
      expect((await response).statusCode).toBe(403);
      expect((await response).json()).toMatchObject({
        code: 'host_not_allowed',
        detail: expect.stringContaining('evil.example'),
      });
    };

    it('where only this computer is listened to', async () => {
      for (const url of [undefined, '/v1/models', '/%76%31/models', '/metrics']) {
        await expectRefused(ask({}, 'evil.example:8080', url));
      }
      for (const url of ['/', '/health/ready', '/docs/problems']) {
        expect((await ask({}, 'evil.example:8080', url)).statusCode, url).toBe(200);
      }
    });

    it('nor where ALLOWED_HOSTS says which names are ours, as in a container', async () => {
      const container = { HOST: '0.0.0.0', ALLOWED_HOSTS: 'localhost, Pictures.example' };
      await expectRefused(ask(container, 'evil.example'));
      await expectRefused(ask(container, 'evil.example', '/v1/models'));
      for (const host of [
        'localhost:8080',
        'pictures.example',
        '127.0.0.1:8080',
        '192.168.1.20',
        '[::1]:8080',
      ]) {
        expect((await ask(container, host)).statusCode, host).toBe(200);
        expect((await ask(container, host, '/v1/models')).statusCode, host).toBe(200);
      }
    });

    it('which is how our own page looks behind a proxy, on a network, and where any name is allowed', async () => {
      for (const settings of [{ TRUST_PROXY: 'true' }, { HOST: '0.0.0.0' }, { ALLOWED_HOSTS: '*' }]) {
        expect((await ask(settings, 'pictures.example')).statusCode).toBe(200);
        expect((await ask(settings, 'pictures.example', '/v1/models')).statusCode).toBe(200);
      }
    });

    it('which a program may use, for it sends no Origin', async () => {
      const headers = { host: 'host.docker.internal:8080' };
      const url = '/v1/models/tiny-sketch/load';
      expect((await test.app.inject({ method: 'POST', url, headers })).statusCode).toBe(200);
    });
  });

  it('may where CORS_ORIGIN names them, and read every header of ours', async () => {
    test = testApp({ CORS_ORIGIN: 'https://friend.example' });
    const response = await asPage('https://friend.example');
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': 'https://friend.example',
      vary: 'Origin',
    });
    expect(response.headers['access-control-expose-headers']).toContain('X-Seed');
    const preflight = await asPage('https://friend.example', 'OPTIONS', {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    });
    expect(preflight.statusCode).toBe(204);
    expect(preflight.headers['access-control-allow-headers']).toBe('content-type');
    expect((await asPage('https://evil.example')).statusCode).toBe(403);
  });

  it('may read problems too', async () => {
    test = testApp({ CORS_ORIGIN: '*' });
    const response = await test.app.inject({
      method: 'POST',
      url: '/v1/translate',
      payload: 'text',
      headers: { origin: 'https://any.example' },
    });
    expect(response.statusCode).toBe(415);
    expect(response.headers['access-control-allow-origin']).toBe('*');
  });
});

describe('the documents', () => {
  it('every example of the API works when pasted', async () => {
    const document = (await get('/openapi.json')).json();
    expect(document.openapi).toBe('3.1.0');
    const { content } = document.paths['/v1/translate'].post.requestBody;
    const examples = Object.values<{ value: object }>(content['application/json'].examples);
    expect(examples.length).toBeGreaterThan(1);
    for (const { value } of examples) {
      const response = await test.app.inject({ method: 'POST', url: '/v1/translate', payload: value });
      expect(response.statusCode).toBe(200);
    }
  });

  it('the API’s description is made of the same schemas and refers to nothing that is not there', async () => {
    const document = (await get('/openapi.json')).json();
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        '/v1/translate',
        '/v1/stream',
        '/v1/models',
        '/v1/models/{id}',
        '/v1/models/{id}/load',
        '/v1/models/{id}/unload',
        '/v1/styles',
        '/health/live',
        '/health/ready',
        '/metrics',
      ]),
    );
    const form = document.paths['/v1/translate'].post.requestBody.content['multipart/form-data'].schema;
    expect(Object.keys(form.properties)).toEqual(
      expect.arrayContaining(['image', 'prompt', 'seed', 'priority']),
    );
    expect(form.properties.gamma).toMatchObject({ type: 'number', minimum: 0, maximum: 1 });
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(0);
    for (const [, name = ''] of references) expect(document.components.schemas).toHaveProperty(name);
  });

  it('the API’s description has every message of a stream, as it is sent', async () => {
    const { schemas } = (await get('/openapi.json')).json().components;
    expect(schemas.StreamConfigure).toMatchObject({ required: ['type'], additionalProperties: false });
    expect(schemas.StreamConfigure.properties).toHaveProperty('prompt');
    expect(schemas.StreamFrame.required).toEqual(['type', 'id', 'image']);
    const answers = ['Ready', 'Result', 'Dropped', 'Error'].map(
      (name) => `#/components/schemas/Stream${name}`,
    );
    expect(schemas.StreamAnswer.oneOf.map(({ $ref }: { $ref: string }) => $ref)).toEqual(answers);
  });

  it('the API’s description tells the problems of every operation, and every way a stream ends', async () => {
    const { paths } = (await get('/openapi.json')).json();
    for (const operations of Object.values<object>(paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        expect(operation.responses, `${method} ${operation.operationId}`).toHaveProperty('default');
      }
    }
    const { responses } = paths['/v1/translate'].post;
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['200', '403', '408', '429']));
    const examples = responses['403'].content['application/problem+json'].examples;
    expect(Object.keys(examples)).toEqual(['origin_not_allowed', 'host_not_allowed']);
    const stream = paths['/v1/stream'].get;
    expect(Object.keys(stream.responses)).toEqual(expect.arrayContaining(['101', '403', '426', '503']));
    for (const code of [1000, 1001, 1008, 1009, 1013]) expect(stream.description).toContain(`- ${code} `);
  });

  it('the docs page loads all it needs from here, under a policy that lets nothing else in', async () => {
    const page = await get('/docs');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(page.body).not.toMatch(/(src|href)="https?:/);
    const links = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links)
      expect((await get(new URL(link, 'http://x/docs').pathname)).statusCode).toBe(200);
  });

  it('the type of a problem leads to its explanation', async () => {
    const { type } = (await get('/nothing')).json();
    const [path, anchor] = type.split('#');
    const page = await get(path);
    expect(page.statusCode).toBe(200);
    expect(page.body).toContain(`id="${anchor}"`);
  });
});

describe('the studio', () => {
  it('that is not built is a page that says how', async () => {
    const page = await get('/');
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.body).toContain('npm run build');
  });

  it('that is built is served under a strict policy, its hashed files for good', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'studio-'));
    await mkdir(join(folder, 'assets'));
    await writeFile(join(folder, 'index.html'), '<!doctype html><title>Studio</title>');
    await writeFile(join(folder, 'assets', 'index-abc123.js'), 'export {};');
    test = testApp({}, { studio: folder });
    const page = await get('/');
    expect(page.body).toContain('Studio');
    expect(page.headers['cache-control']).toBe('no-cache');
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(page.headers['content-security-policy']).not.toContain('unsafe');
    const script = await get('/assets/index-abc123.js');
    expect(script.headers['cache-control']).toContain('immutable');
    expect((await get('/assets/nothing.js')).headers['content-type']).toContain('application/problem+json');
  });
});

describe('the client behind a proxy', () => {
  it.each([
    ['false', '127.0.0.1'],
    ['true', '203.0.113.9'],
    ['1', '203.0.113.9'],
    ['2', '6.6.6.6'],
    ['127.0.0.1', '203.0.113.9'],
    ['127.0.0.0/8, 203.0.113.0/24', '6.6.6.6'],
    ['10.0.0.1', '127.0.0.1'],
  ])('is taken from X-Forwarded-For as far as TRUST_PROXY=%s goes', async (setting, client) => {
    test = testApp({ TRUST_PROXY: setting });
    await test.app.inject({
      method: 'POST',
      url: '/v1/translate',
      // Each proxy adds whom it was called by; the client may have written whatever stands before.
      headers: { 'x-forwarded-for': '5.5.5.5, 6.6.6.6, 203.0.113.9', 'content-type': 'image/png' },
      payload: await sketch(),
    });
    expect(test.service.jobs[0]?.client).toBe(client);
  });
});
