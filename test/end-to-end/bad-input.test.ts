/** The whole table of bad input against a real model, and a picture after each row: nothing else is harmed. */
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { FIXTURES } from '../bundle-fixtures.js';
import { sketch, translate } from './pictures.js';
import { metric, type ServerProcess, startServer, until } from './server-process.js';

let server: ServerProcess;
let png: Buffer;
beforeAll(async () => {
  const models = await mkdtemp(join(tmpdir(), 'models-'));
  await cp(FIXTURES, models, { recursive: true });
  await cp(join(FIXTURES, 'tiny-sketch'), join(models, 'corrupt'), { recursive: true });
  await writeFile(join(models, 'corrupt', 'manifest.json'), '{"schema": 1}');
  await cp(join(FIXTURES, 'tiny-sketch'), join(models, 'missing'), { recursive: true });
  await rm(join(models, 'missing', 'translator.onnx'), { force: true });
  server = await startServer({
    MODELS_DIR: models,
    // Of which one client gets 4.
    MAX_QUEUE_SIZE: '5',
    TRUST_PROXY: '1',
    MAX_BODY_MB: '2',
    MAX_PIXELS: '1000000',
  });
  png = await sketch(1);
}, 60_000);
afterAll(() => server.stop());
afterEach(async () => {
  expect((await translate(server.url, png, { prompt: 'duck' })).status).toBe(200);
});

const post = (query: string, body: Buffer | string = png) =>
  fetch(`${server.url}/v1/translate?${query}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });

async function expectProblem(
  response: Response,
  status: number,
  code: string,
): Promise<Record<string, unknown>> {
  const problem = (await response.json()) as Record<string, unknown>;
  expect(problem).toMatchObject({ status, code });
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  return problem;
}

describe('an image', () => {
  it.each([
    ['text', Buffer.from('not an image at all')],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>')],
    ['PDF', Buffer.from('%PDF-1.7\n%âãÏÓ\n')],
  ])('that is %s is a 415 naming the types', async (_name, bytes) => {
    const problem = await expectProblem(await post('', bytes), 415, 'unsupported_image_type');
    for (const type of ['PNG', 'JPEG', 'WebP', 'AVIF', 'GIF']) expect(problem.detail).toContain(type);
  });

  it('that is TIFF is a 415', async () => {
    await expectProblem(await post('', await sharp(png).tiff().toBuffer()), 415, 'unsupported_image_type');
  });

  it.each(['png', 'jpeg', 'webp', 'avif', 'gif'] as const)(
    'that is %s is read; truncated it is a 400',
    async (format) => {
      const noise = { type: 'gaussian' as const, mean: 128, sigma: 40 };
      const image = await sharp({
        create: { width: 128, height: 128, channels: 3, background: '#fff', noise },
      })
        .toFormat(format)
        .toBuffer();
      expect((await post('', image)).status).toBe(200);
      await expectProblem(await post('', image.subarray(0, image.length >> 1)), 400, 'invalid_image');
    },
  );

  it('over the pixel limit is a 413', async () => {
    const flat = await sharp({ create: { width: 1001, height: 1000, channels: 3, background: '#fff' } })
      .png()
      .toBuffer();
    await expectProblem(await post('', flat), 413, 'image_too_large');
  });

  it('whose lines are too light for a sketch is answered with a warning, in a header, in JSON and on a stream', async () => {
    const faint = await sharp(png).linear(0.4, 153).png().toBuffer();
    expect((await post('', faint)).headers.get('warning')).toMatch(/^299 - "no strokes were found: .*darker/);
    const { warnings } = (await (await post('response=json', faint)).json()) as { warnings: unknown[] };
    const expected = { code: 'no_strokes', detail: expect.stringContaining('no strokes were found') };
    expect(warnings).toEqual([expected]);
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/stream`);
    const results: unknown[] = [];
    socket.on('message', (data: Buffer, binary) => {
      const message = binary ? {} : (JSON.parse(data.toString()) as { type: string });
      if ('type' in message && message.type === 'result') results.push(message);
    });
    await once(socket, 'open');
    socket.send('{"type":"configure"}');
    socket.send(faint);
    await until(() => results.length > 0, 5_000);
    socket.close();
    expect(results).toMatchObject([{ warnings: [expected] }]);
  });

  it('that is a blank sheet is no reason to warn', async () => {
    const blank = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#fff' } })
      .png()
      .toBuffer();
    const answer = await post('', blank);
    expect([answer.status, answer.headers.get('warning')]).toEqual([200, null]);
  });

  it('over the body limit is a 413', async () => {
    await expectProblem(await post('', Buffer.alloc(2 * 1024 * 1024 + 1)), 413, 'body_too_large');
  });
});

describe('a field', () => {
  it.each([
    ['size=100x100', 'size'],
    ['gamma=abc', 'gamma'],
    ['n=99', 'n'],
    ['promt=duck', 'promt'],
  ])('at fault (%s) is a 400 naming it, its value and what is allowed', async (query, field) => {
    const problem = await expectProblem(await post(query), 400, 'invalid_request');
    expect(problem.errors).toEqual([
      { field, value: expect.anything(), allowed: expect.anything(), message: expect.any(String) },
    ]);
  });

  it('that names an unknown model, style, direction or device lists those there are', async () => {
    const fault = (field: string, allowed: string) => ({
      errors: [
        { field, value: 'nope', allowed: expect.arrayContaining([allowed]), message: expect.any(String) },
      ],
    });
    const model = await expectProblem(await post('model=nope'), 404, 'unknown_model');
    expect(model).toMatchObject({ ...fault('model', 'tiny-sketch'), model: 'nope' });
    const style = await expectProblem(await post('style=nope'), 400, 'unknown_style');
    expect(style).toMatchObject({ ...fault('style', 'anime'), style: 'nope' });
    const direction = await expectProblem(await post('direction=nope'), 400, 'unknown_direction');
    expect(direction).toMatchObject({ ...fault('direction', 'sketch_to_image'), direction: 'nope' });
    const load = await fetch(`${server.url}/v1/models/tiny-sketch/load?device=nope`, { method: 'POST' });
    const device = await expectProblem(load, 404, 'unknown_device');
    expect(device).toMatchObject({ ...fault('device', 'cpu:0'), device: 'nope' });
  });

  it('that is a prompt over 2,000 characters is a 400; over the tokenizer’s length it is truncated with a warning', async () => {
    await expectProblem(await post(`prompt=${'a'.repeat(2001)}`), 400, 'invalid_request');
    const long = await post(`prompt=${'duck%20'.repeat(250)}`);
    expect(long.status).toBe(200);
    expect(long.headers.get('warning')).toMatch(/^299 - ".*truncated.*"$/i);
    await long.arrayBuffer();
  });
});

describe('a time', () => {
  it('that is too short is a 504', async () => {
    await expectProblem(await post('timeout_ms=1'), 504, 'deadline_exceeded');
  });

  it('when the queue is full is a 429 with Retry-After, and the admitted ones get their pictures', async () => {
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, seed) => translate(server.url, png, { prompt: 'duck', seed })),
    );
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      await expectProblem(answer, 429, 'queue_full');
    }
    const served = answers.filter(({ status }) => status === 200);
    expect(served.length + refused.length).toBe(24);
    expect(served.length).toBeGreaterThanOrEqual(4);
    await Promise.all(served.map((answer) => answer.arrayBuffer()));
  });

  it('when one client fills its share of the queue is no other client’s time', async () => {
    const flood = [1, 2, 3, 4].map((seed) => translate(server.url, png, { seed, size: '256x256' }));
    await until(async () => (await metric(server.url, 'img2img_admitted_pictures')) === 4, 20_000);
    const headers = { 'content-type': 'image/png', 'x-forwarded-for': '10.0.0.2' };
    const [more, newcomer] = await Promise.all([post(''), translate(server.url, png, {}, { headers })]);
    expect(await expectProblem(more, 429, 'queue_full')).toMatchObject({ full: 'share', client_admitted: 4 });
    expect(newcomer.status).toBe(200);
    expect((await Promise.all(flood)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });
});

describe('a bundle', () => {
  it('that does not hold together is listed as failed with the reason, and asking for it is a 503', async () => {
    const { models } = (await (await fetch(`${server.url}/v1/models`)).json()) as {
      models: { id: string; status: string; reason?: string }[];
    };
    const failed = models.filter(({ status }) => status === 'failed');
    expect(failed.map(({ id }) => id).sort()).toEqual(['corrupt', 'missing']);
    for (const { reason } of failed) expect(reason).toBeTruthy();
    await expectProblem(await post('model=corrupt'), 503, 'model_unavailable');
  });
});

it('clients that leave before their turn cost no inference', async () => {
  const samples = () => metric(server.url, 'img2img_batch_size_sum');
  // At this size the model takes long enough for others to come and go meanwhile, on a fast machine too. The scheduler must
  // know how long: it hands the next batch over just before the running one ends.
  const slow = 'prompt=duck&size=704x704';
  await (await post(slow)).arrayBuffer();
  await (await post(slow)).arrayBuffer();
  const before = await samples();
  const busy = post(slow);
  await until(async () => (await metric(server.url, 'img2img_admitted_pictures')) === 1, 20_000);
  // Admitted comes before decoded: it must be running when the others come.
  await new Promise((resolve) => setTimeout(resolve, 200));
  const leaver = new AbortController();
  const left = [1, 2, 3].map((seed) =>
    translate(server.url, png, { prompt: 'duck', seed }, { signal: leaver.signal }).catch(() => 'left'),
  );
  await until(async () => (await metric(server.url, 'img2img_admitted_pictures')) === 4, 20_000);
  leaver.abort();
  expect(await Promise.all(left)).toEqual(['left', 'left', 'left']);
  expect((await busy).status).toBe(200);
  await until(async () => (await metric(server.url, 'img2img_admitted_pictures')) === 0, 20_000);
  expect((await samples()) - before).toBe(1);
});
