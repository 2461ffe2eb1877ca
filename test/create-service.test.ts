/** The whole service on real engines: what it makes of the bundles and devices it finds. */
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readConfig } from '../src/config.js';
import { createService } from '../src/create-service.js';
import { createMetrics } from '../src/metrics.js';
import { streamConfigurationSchema } from '../src/request.js';
import type { Service } from '../src/service.js';
import type { Translation } from '../src/translation.js';
import { FIXTURES } from './bundle-fixtures.js';

let service: Service | undefined;
afterEach(() => service?.close());

async function start(settings: Record<string, string>, logger = pino({ level: 'silent' })): Promise<Service> {
  const config = readConfig({ MODELS_DIR: FIXTURES, PRELOAD: 'none', DEVICES: 'cpu', ...settings });
  service = await createService({ config, logger, metrics: createMetrics() });
  return service;
}

/** The same words under other numbers. */
function reversedVocabulary(bytes: Buffer): Buffer {
  const tokenizer = JSON.parse(bytes.toString());
  const { vocab } = tokenizer.model;
  const words = Object.keys(vocab).filter((word) => !word.startsWith('<|'));
  const ids = words.map((word) => vocab[word]).reverse();
  words.forEach((word, i) => {
    vocab[word] = ids[i];
  });
  return Buffer.from(JSON.stringify(tokenizer));
}

/** Turns the sign of weights: of those a quarter into the graph, as far as its bytes look like small numbers. */
function negatedWeights(bytes: Buffer): Buffer {
  const isWeight = (at: number): boolean => {
    const size = at >= 0 && at + 4 <= bytes.length ? Math.abs(bytes.readFloatLE(at)) : 0;
    return size > 1e-6 && size < 10;
  };
  const places = [0, 1, 2, 3].map((offset) => Math.floor(bytes.length / 4) + offset);
  const inside = places.find((at) => Array.from({ length: 64 }, (_, i) => at + 4 * i).every(isWeight)) ?? 0;
  let [start, end] = [inside, inside];
  while (isWeight(start - 4)) start -= 4;
  while (isWeight(end)) end += 4;
  for (let at = start; at < end; at += 4) bytes.writeFloatLE(-bytes.readFloatLE(at), at);
  return bytes;
}

describe('the service', () => {
  it('stays ready when a preloaded bundle makes room for another one', async () => {
    // Room for one of them.
    const running = await start({ PRELOAD: 'tiny-sketch', MEMORY_BUDGET_MB: '2' });
    await running.load('tiny-sketch');
    expect(running.readiness()).toEqual({ ready: true, reasons: [] });
    await running.load('tiny-edge');
    expect(running.model('tiny-sketch')).toMatchObject({ residency: [{ state: 'unloaded' }] });
    expect(running.readiness()).toEqual({ ready: true, reasons: [] });
  });

  it('refuses a bundle that is made for a device it does not have, and does not take it for the default', async () => {
    const models = await mkdtemp(join(tmpdir(), 'models-'));
    await cp(FIXTURES, models, { recursive: true });
    const file = join(models, 'tiny-sketch', 'manifest.json');
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), target: 'cuda' }));
    const running = await start({ MODELS_DIR: models });
    expect(running.model('tiny-sketch')).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('made for cuda'),
    });
    expect(running.defaultModel()).toBe('tiny-sketch-staged');
  });

  describe('whose folder changes while it runs', () => {
    let models: string;
    beforeEach(async () => {
      models = await mkdtemp(join(tmpdir(), 'models-'));
      await cp(FIXTURES, models, { recursive: true });
    });
    afterEach(() => rm(models, { recursive: true }));

    /** Puts other weights, and other words, in the place of `tiny-sketch`. */
    async function replace(): Promise<void> {
      const folder = join(models, 'tiny-sketch');
      const { id } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
      await rm(folder, { recursive: true });
      await cp(join(models, 'tiny-sketch-staged'), folder, { recursive: true });
      const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
      await writeFile(
        join(folder, 'manifest.json'),
        JSON.stringify({ ...manifest, id, title: 'Another sketch' }),
      );
    }

    /** Changes one file that bundles share, and what `tiny-sketch` says of it. */
    async function replaceShared(
      name: 'tokenizer' | 'text_encoder',
      change: (bytes: Buffer) => Buffer,
    ): Promise<void> {
      const manifestFile = join(models, 'tiny-sketch', 'manifest.json');
      const manifest = JSON.parse(await readFile(manifestFile, 'utf8'));
      const file = join(models, 'tiny-sketch', manifest[name].path);
      const bytes = change(await readFile(file));
      await writeFile(file, bytes);
      manifest[name].sha256 = createHash('sha256').update(bytes).digest('hex');
      manifest[name].bytes = bytes.length;
      await writeFile(manifestFile, JSON.stringify(manifest));
    }

    const translate = async (running: Service): Promise<Translation> => {
      const image = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'white' } })
        .png()
        .toBuffer();
      const settings = streamConfigurationSchema.parse({ model: 'tiny-sketch', prompt: 'a duck', seed: 1 });
      return running.translate({ image, settings, n: 1, priority: 'normal', client: 'test' });
    };
    const picture = async (running: Service): Promise<string> => (await translate(running)).model;
    const pixels = async (running: Service): Promise<string | undefined> =>
      (await translate(running)).images[0]?.data.toString('base64');

    it('finds a new bundle when it is loaded', async () => {
      await rename(join(models, 'tiny-edge'), `${models}-edge`);
      const running = await start({ MODELS_DIR: models });
      expect(() => running.model('tiny-edge')).toThrow('no model "tiny-edge"');
      await expect(running.load('tiny-edge')).rejects.toThrow('no model "tiny-edge"');
      await rename(`${models}-edge`, join(models, 'tiny-edge'));
      expect(await running.load('tiny-edge')).toMatchObject({ residency: [{ state: 'loaded' }] });
    });

    it.each(['loaded', 'unloaded'])(
      'serves what was put in the place of a bundle that is %s',
      async (before) => {
        const running = await start({ MODELS_DIR: models });
        await running.load('tiny-sketch');
        if (before === 'unloaded') await running.unload('tiny-sketch');
        await replace();
        expect(await running.load('tiny-sketch')).toMatchObject({
          title: 'Another sketch',
          layout: 'staged',
          residency: [{ state: 'loaded' }],
        });
        expect(await picture(running)).toBe('tiny-sketch');
      },
    );

    it.each([
      ['tokenizer', reversedVocabulary],
      ['text_encoder', negatedWeights],
    ] as const)(
      'reads prompts by a new %s, although another bundle holds the old one',
      async (name, change) => {
        const running = await start({ MODELS_DIR: models });
        await running.load('tiny-edge');
        const before = await pixels(running);
        await replaceShared(name, change);
        await running.load('tiny-sketch');
        const after = await pixels(running);
        expect(after).not.toBe(before);
        await running.close();
        expect(await pixels(await start({ MODELS_DIR: models }))).toBe(after);
      },
    );

    it.each([
      { PRELOAD: 'default', DEFAULT_MODEL: 'tiny-sketch' },
      { PRELOAD: 'none', DEFAULT_MODEL: 'tiny-sketch' },
      { PRELOAD: 'tiny-sketch' },
    ])('is not ready while what %j names is refused', async (settings) => {
      const graph = join(models, 'tiny-sketch', 'translator.onnx');
      const bytes = await readFile(graph);
      await writeFile(graph, 'broken');
      const running = await start({ MODELS_DIR: models, ...settings });
      expect(running.readiness()).toEqual({
        ready: false,
        reasons: [expect.stringMatching(/^tiny-sketch was refused: translator\.onnx has 6 bytes/)],
      });
      await writeFile(graph, bytes);
      await running.load('tiny-sketch');
      expect(running.readiness()).toEqual({ ready: true, reasons: [] });
    });

    it.each(['default', 'all'])('is ready with PRELOAD=%s whatever else is refused', async (PRELOAD) => {
      await writeFile(join(models, 'tiny-sketch', 'translator.onnx'), 'broken');
      const running = await start({ MODELS_DIR: models, PRELOAD });
      expect(running.defaultModel()).toBe('tiny-sketch-staged');
      await vi.waitUntil(() => running.readiness().ready, 15_000);
    });

    it('keeps what it has where its folder does not hold together any more, and says why', async () => {
      const running = await start({ MODELS_DIR: models });
      await running.load('tiny-sketch');
      await writeFile(join(models, 'tiny-sketch', 'manifest.json'), '{');
      await expect(running.load('tiny-sketch')).rejects.toThrow('manifest.json is not JSON');
      expect(running.model('tiny-sketch')).toMatchObject({ residency: [{ state: 'loaded' }] });
      expect(await picture(running)).toBe('tiny-sketch');
    });

    it('refuses a bundle whose files differ until it is loaded with the right ones', async () => {
      const running = await start({ MODELS_DIR: models });
      const graph = join(models, 'tiny-sketch', 'translator.onnx');
      const bytes = await readFile(graph);
      await writeFile(graph, Buffer.alloc(bytes.length));
      await expect(picture(running)).rejects.toThrow(/translator\.onnx has sha256/);
      expect(running.model('tiny-sketch')).toMatchObject({ status: 'failed' });
      await expect(running.load('tiny-sketch')).rejects.toThrow(/translator\.onnx has sha256/);
      await writeFile(graph, bytes);
      expect(await running.load('tiny-sketch')).toMatchObject({ residency: [{ state: 'loaded' }] });
      expect(await picture(running)).toBe('tiny-sketch');
    });

    it('tells nobody but its log where on this machine the models lie', async () => {
      const file = join(models, 'tiny-sketch', 'manifest.json');
      const manifest = JSON.parse(await readFile(file, 'utf8'));
      const sha256 = createHash('sha256').update('garbage').digest('hex');
      Object.assign(manifest.directions[0].graphs.translator, { sha256, bytes: 7 });
      await writeFile(file, JSON.stringify(manifest));
      await writeFile(join(models, 'tiny-sketch', 'translator.onnx'), 'garbage');
      const lines: string[] = [];
      const running = await start({ MODELS_DIR: models }, pino({}, { write: (line) => lines.push(line) }));
      await expect(running.load('tiny-sketch')).rejects.toMatchObject({
        message: expect.stringContaining('Load model from tiny-sketch/translator.onnx failed'),
        details: { reason: expect.not.stringContaining(models) },
      });
      expect(JSON.stringify(running.models())).toContain('Load model from tiny-sketch/translator.onnx');
      expect(JSON.stringify(running.models())).not.toContain(models);
      expect(lines.find((line) => line.includes('bundle not loaded'))).toContain(models);
      await rename(models, `${models}-away`);
      await expect(running.load('tiny-sketch')).rejects.toThrow(
        'The folder of models cannot be read: there is no folder MODELS_DIR',
      );
      await rename(`${models}-away`, models);
    });

    it('does not refuse for good what it cannot read for a moment', async () => {
      const running = await start({ MODELS_DIR: models });
      const graph = join(models, 'tiny-sketch', 'translator.onnx');
      await rename(graph, `${graph}.aside`);
      await expect(picture(running)).rejects.toMatchObject({
        code: 'model_unavailable',
        retryAfterSeconds: 5,
      });
      expect(running.model('tiny-sketch')).toMatchObject({ status: 'ready' });
      await rename(`${graph}.aside`, graph);
      // By hand: nobody wants to wait for it.
      await running.unload('tiny-sketch');
      expect(await picture(running)).toBe('tiny-sketch');
    });
  });

  it.each([
    [{ DEFAULT_MODEL: 'dragon' }, /^DEFAULT_MODEL: There is no model "dragon"/],
    [{ PRELOAD: 'tiny-edge,dragon' }, /^PRELOAD: There is no model "dragon"/],
    [{ MODELS_DIR: join(FIXTURES, 'nowhere') }, /^MODELS_DIR cannot be read: there is no folder \/.*nowhere/],
  ])('does not start with %j, and names the setting', async (settings, sentence) => {
    await expect(start(settings)).rejects.toThrow(sentence);
  });

  it('leaves no engine behind when the models folder cannot be read', async () => {
    const handles = () => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length;
    const before = handles();
    await expect(start({ MODELS_DIR: join(FIXTURES, 'tiny-sketch', 'manifest.json') })).rejects.toThrow(
      /^MODELS_DIR cannot be read: /,
    );
    expect(handles()).toBe(before);
  });
});
