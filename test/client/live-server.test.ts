/** The client against the server's own stream, over a real socket. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { connect, type Img2ImgStream } from '../../src/client/index.js';
import { sketch, type TestApp, testApp } from '../http/support.js';

let server: TestApp;
let url: string;
let stream: Img2ImgStream;

beforeEach(async () => {
  server = testApp();
  url = await server.listen();
  stream = connect(url, {
    WebSocket,
    throttleMs: 0,
    configuration: { prompt: 'a fox', seed: 3 },
  });
});

afterEach(async () => {
  stream.close();
  await server.app.close();
});

const until = <T>(check: () => T) => vi.waitFor(check, { timeout: 5_000, interval: 5 });

test('a frame becomes a picture', async () => {
  const frame = stream.push(await sketch());
  for await (const result of stream) {
    expect(result).toMatchObject({ frame, model: 'tiny-sketch', seed: 3, mediaType: 'image/png', width: 64 });
    expect(Buffer.from(result.image).subarray(1, 4).toString()).toBe('PNG');
    break;
  }
});

test('of many frames pushed while one runs, the server runs the last', async () => {
  const release = server.service.hold();
  const overtaken: number[] = [];
  const answered: number[] = [];
  stream.on('dropped', ({ frames }) => overtaken.push(...frames));
  stream.on('result', ({ frame }) => answered.push(frame));
  const frames: number[] = [];
  for (let mark = 0; mark < 12; mark++) {
    frames.push(stream.push(await sketch('png', mark)));
    await until(() => expect(server.service.jobs.length).toBeGreaterThan(0));
  }
  await until(() => expect(overtaken.length).toBe(frames.length - 2));
  release();
  await until(() => expect(answered).toEqual([frames[0], frames.at(-1)]));
  expect(server.service.jobs).toHaveLength(2);
});

test('a picture that takes far longer than a silence may comes on the same connection', async () => {
  stream.close();
  const release = server.service.hold();
  stream = connect(url, { WebSocket, silenceMs: 200, configuration: { prompt: 'a fox' } });
  const states: string[] = [];
  const seeds: number[] = [];
  stream.on('status', ({ state }) => states.push(state));
  stream.on('ready', ({ seed }) => seeds.push(seed));
  stream.on('result', ({ seed }) => seeds.push(seed));
  stream.push(await sketch());
  await sleep(1_500);
  release();
  await until(() => expect(seeds).toHaveLength(2));
  expect(states).toEqual(['open']);
  expect(seeds[1]).toBe(seeds[0]);
  expect(server.service.jobs).toHaveLength(1);
});

test('a problem with the configuration is told with its title and detail', async () => {
  const problems: unknown[] = [];
  stream.on('error', ({ problem }) => problems.push(problem));
  await until(() => expect(stream.status.state).toBe('open'));
  stream.configure({ style: 'baroque' });
  await until(() => expect(problems).toHaveLength(1));
  expect(problems[0]).toMatchObject({ title: 'Unknown style', status: 400, code: 'unknown_style' });
});

test('an equal frame is not run again', async () => {
  const drops: string[] = [];
  stream.on('dropped', ({ reason }) => drops.push(reason));
  const results: number[] = [];
  stream.on('result', ({ frame }) => results.push(frame));
  stream.push(await sketch());
  await until(() => expect(results).toHaveLength(1));
  stream.push(await sketch());
  await until(() => expect(drops).toEqual(['unchanged']));
  expect(server.service.jobs).toHaveLength(1);
});
