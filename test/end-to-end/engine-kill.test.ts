import { afterEach, describe, expect, it } from 'vitest';
import { sketch, translate } from './pictures.js';
import { metric, type ServerProcess, startServer, until } from './server-process.js';

let server: ServerProcess | undefined;
afterEach(() => server?.stop());

describe('kill -9 of an engine with 32 requests in the air', () => {
  it('costs no request its picture, hangs none, and is ready again in seconds', async () => {
    const running = await startServer();
    server = running;
    const { url } = running;
    const images = await Promise.all(Array.from({ length: 32 }, (_, i) => sketch(i)));
    const requests = images.map((image, i) =>
      translate(url, image, { prompt: 'duck', seed: i, timeout_ms: 15_000 }),
    );
    await until(async () => (await metric(url, 'img2img_admitted_pictures')) > 8, 5_000);
    process.kill(running.enginePids().at(-1) ?? 0, 'SIGKILL');

    const answers = await Promise.all(requests);
    expect(answers.map(({ status }) => status)).toEqual(images.map(() => 200));
    await until(async () => (await fetch(`${url}/health/ready`)).ok, 5_000);
    expect(await metric(url, 'img2img_engine_restarts_total')).toBe(1);
    expect(await metric(url, 'img2img_admitted_pictures')).toBe(0);
  });

  it('of one of two engines leaves the other serving', async () => {
    const running = await startServer({ DEVICES: 'cpu,cpu', CPU_THREADS: '1', PRELOAD: 'all' });
    server = running;
    const image = await sketch(1);
    const ask = async (seed: number) =>
      (await translate(running.url, image, { prompt: 'duck', seed })).status;
    process.kill(running.enginePids().at(-1) ?? 0, 'SIGKILL');
    const statuses = await Promise.all(Array.from({ length: 16 }, (_, i) => ask(i)));
    expect(statuses).toEqual(statuses.map(() => 200));
    expect(await metric(running.url, 'img2img_engine_restarts_total')).toBe(1);
  });
});
