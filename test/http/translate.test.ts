/** `POST /v1/translate`: three ways in, two ways out, and what the headers tell. */
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { form, sketch, type TestApp, testApp } from './support.js';

let test: TestApp;
let png: Buffer;

beforeEach(async () => {
  test = testApp();
  png = await sketch();
});
afterEach(() => test.app.close());

const post = (query = '', headers: Record<string, string> = {}, payload: Buffer | string = png) =>
  test.app.inject({ method: 'POST', url: `/v1/translate${query}`, headers, payload });

describe('an image goes in', () => {
  it('as the raw body, with its fields in the query', async () => {
    const response = await post('?prompt=duck&seed=5&gamma=0.5&restore_size=true&n=1', {
      'content-type': 'image/png',
    });
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('image/png');
    expect((await sharp(response.rawPayload).metadata()).format).toBe('png');
    const [job] = test.service.jobs;
    expect(job).toMatchObject({
      n: 1,
      priority: 'normal',
      client: '127.0.0.1',
      settings: {
        prompt: 'duck',
        seed: 5,
        gamma: 0.5,
        restore_size: true,
        invert: 'auto',
        fit: 'cover',
        format: 'png',
      },
    });
    expect(Buffer.compare(Buffer.from(job?.image ?? []), png)).toBe(0);
  });

  it.each(['application/octet-stream', 'application/x-www-form-urlencoded', 'image/jpeg', undefined])(
    'as the raw body whatever its type claims: %s',
    async (type) => {
      const response = await post('', type === undefined ? {} : { 'content-type': type });
      expect(response.statusCode).toBe(200);
    },
  );

  it('as a form', async () => {
    const { payload, headers } = form([
      { name: 'prompt', value: 'duck' },
      { name: 'image', value: png, filename: 'in.png' },
      { name: 'seed', value: '9' },
      { name: 'style', value: '' },
      { name: 'restore_size', value: 'on' },
    ]);
    const response = await post('', headers, payload);
    expect(response.statusCode).toBe(200);
    expect(test.service.jobs[0]?.settings).toMatchObject({ prompt: 'duck', seed: 9, restore_size: true });
    expect(test.service.jobs[0]?.settings.style).toBeUndefined();
    expect(Buffer.compare(Buffer.from(test.service.jobs[0]?.image ?? []), png)).toBe(0);
  });

  it.each([
    ['iso-8859-1', 200],
    ['none', 400],
  ])('as a form whose text is in charset %s', async (charset, status) => {
    const { payload, headers } = form([{ name: 'image', value: png, filename: 'in.png' }]);
    const [, boundary] = headers['content-type']?.split('boundary=') ?? [];
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="prompt"\r\nContent-Type: text/plain; charset=${charset}`;
    const response = await post(
      '',
      headers,
      Buffer.concat([Buffer.from(`${head}\r\n\r\ngr\xfcn\r\n`, 'latin1'), payload]),
    );
    expect(response.statusCode).toBe(status);
    if (status === 200) expect(test.service.jobs[0]?.settings.prompt).toBe('grün');
    else expect(response.json()).toMatchObject({ code: 'malformed_body' });
  });

  it.each([
    ['base64', (bytes: Buffer) => bytes.toString('base64')],
    ['base64 without padding', (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')],
    ['base64url', (bytes: Buffer) => bytes.toString('base64url')],
    ['a data URI', (bytes: Buffer) => `data:image/png;base64,${bytes.toString('base64')}`],
  ])('as JSON with %s', async (_name, encode) => {
    const response = await test.app.inject({
      method: 'POST',
      url: '/v1/translate',
      payload: { image: encode(png), prompt: 'duck', seed: -3, invert: true },
    });
    expect(response.statusCode).toBe(200);
    expect(test.service.jobs[0]?.settings).toMatchObject({ prompt: 'duck', seed: -3, invert: 'true' });
    expect(Buffer.compare(Buffer.from(test.service.jobs[0]?.image ?? []), png)).toBe(0);
  });

  it('with fields in the query beside a form or JSON', async () => {
    const response = await test.app.inject({
      method: 'POST',
      url: '/v1/translate?format=webp',
      payload: { image: png.toString('base64') },
    });
    expect(response.headers['content-type']).toBe('image/webp');
  });
});

describe('a picture comes out', () => {
  it('with its facts in headers', async () => {
    const response = await post('?seed=5', { 'x-request-id': 'my-request-1' });
    expect(response.headers).toMatchObject({
      'x-request-id': 'my-request-1',
      'x-seed': '5',
      'x-model': 'tiny-sketch',
      'x-batch-size': '1',
      'server-timing':
        'decode;dur=1.00, queue;dur=2.00, inference;dur=3.00, encode;dur=4.00, total;dur=10.00',
      'cache-control': 'no-store',
    });
    expect(response.headers.warning).toBeUndefined();
  });

  it('with an id of our own where the one sent is not sane', async () => {
    const response = await post('', { 'x-request-id': 'a b"c' });
    expect(response.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('with a Warning header that any parser can read', async () => {
    test.service.warnings = [
      {
        code: 'prompt_truncated',
        detail: 'The prompt "duck" was truncated to 77 tokens – the rest is ignored',
      },
    ];
    const response = await post();
    expect(response.headers.warning).toBe(
      '299 - "The prompt \\"duck\\" was truncated to 77 tokens ? the rest is ignored"',
    );
  });

  it('as JSON with the same facts where asked for', async () => {
    const response = await post('?seed=5&response=json&format=jpeg', { 'x-request-id': 'r-1' });
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    const body = response.json();
    expect(body).toMatchObject({
      model: 'tiny-sketch',
      direction: 'sketch_to_image',
      device: 'cpu:0',
      width: 64,
      height: 64,
      batch_size: 1,
      timings: { decode: 1, queue: 2, inference: 3, encode: 4, total: 10 },
      warnings: [],
      request_id: 'r-1',
    });
    expect(body.images).toHaveLength(1);
    expect(body.images[0]).toMatchObject({ seed: 5, format: 'jpeg' });
    expect((await sharp(Buffer.from(body.images[0].data, 'base64')).metadata()).format).toBe('jpeg');
  });

  it('as JSON always where there are several, each with its seed', async () => {
    const body = (await post('?n=3&seed=10')).json();
    expect(body.images.map((image: { seed: number }) => image.seed)).toEqual([10, 11, 12]);
  });

  it('never as JSON where an image alone was asked for', async () => {
    const asImage = await post('?n=2&response=image');
    expect(asImage.statusCode).toBe(400);
    expect(asImage.json().errors).toMatchObject([
      { field: 'response', value: 'image', allowed: 'json, or n=1' },
    ]);
    for (const accept of ['image/png', 'image/*', 'application/json;q=0, */*']) {
      const response = await post('?n=2', { accept });
      expect(response.statusCode, accept).toBe(406);
      expect(response.json()).toMatchObject({ code: 'not_acceptable', available: ['application/json'] });
    }
    expect(test.service.jobs).toHaveLength(0);
    expect((await post('?n=2&response=json', { accept: 'image/png' })).statusCode).toBe(200);
    expect((await post('?n=2', { accept: 'image/jpeg, */*' })).json().images[0].format).toBe('jpeg');
  });

  it.each([
    [undefined, 'image/png'],
    ['*/*', 'image/png'],
    ['image/*', 'image/png'],
    ['image/webp', 'image/webp'],
    ['image/webp, */*', 'image/webp'],
    ['image/jpeg;q=0.5, image/avif;q=0.9', 'image/avif'],
    ['image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8', 'image/webp'],
    ['image/png;q=0, image/*', 'image/jpeg'],
    ['application/json', 'application/json; charset=utf-8'],
    ['application/json, text/plain, */*', 'application/json; charset=utf-8'],
  ])('of the type that Accept: %s prefers', async (accept, type) => {
    const response = await post('', accept === undefined ? {} : { accept });
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe(type);
  });

  it('of the type the field says, whatever Accept says', async () => {
    expect((await post('?format=jpeg', { accept: 'image/png' })).headers['content-type']).toBe('image/jpeg');
    expect((await post('?format=jpeg', { accept: 'text/html' })).headers['content-type']).toBe('image/jpeg');
  });

  it('only where something we make is acceptable', async () => {
    const response = await post('', { accept: 'text/html' });
    expect(response.statusCode).toBe(406);
    expect(response.json()).toMatchObject({ code: 'not_acceptable' });
    expect(test.service.jobs).toHaveLength(0);
  });
});
