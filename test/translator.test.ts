/** What the translator makes of deadlines, of clients that leave and of results that would be too large, without an engine. */
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Catalogue } from '../src/bundles/catalogue.js';
import { discoverBundles } from '../src/bundles/discovery.js';
import { ImageProcessor } from '../src/images/processor.js';
import { loadStyles } from '../src/prompts/styles.js';
import { type StreamConfiguration, streamConfigurationSchema } from '../src/request.js';
import type { ResolveContext } from '../src/resolve.js';
import { Admission } from '../src/scheduling/admission.js';
import type { Scheduler } from '../src/scheduling/scheduler.js';
import type { TranslationJob } from '../src/translation.js';
import { Translator } from '../src/translator.js';
import { FIXTURES } from './bundle-fixtures.js';

const FINISH_MS = 400;
/** An image thread that prepares at once and takes its time to finish. */
const slowToFinish = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ task }) => {
      const result = { data: new Uint8Array(64 * 64 * 3), inverted: false, missed: false, width: 100, height: 100 };
      setTimeout(() => parentPort.postMessage({ result }), task === 'finish' ? ${FINISH_MS} : 0);
    });
  `)}`,
);
/** Makes black pictures at once. */
const scheduler = {
  run: async ({ samples, width, height }) => ({
    images: samples.map(() => new Uint8Array(width * height * 3)),
    device: 'cpu:0',
    batchSize: samples.length,
    queueMs: 0,
    inferenceMs: 0,
  }),
} satisfies Pick<Scheduler, 'run'>;

let resolve: ResolveContext;
let image: Buffer;
let images: ImageProcessor;
let admission: Admission;
let translator: Translator;

beforeAll(async () => {
  const catalogue = new Catalogue(await discoverBundles(FIXTURES));
  resolve = { catalogue, styles: loadStyles(), defaultTimeoutMs: 10_000, defaultModel: () => 'tiny-sketch' };
  image = await sharp({ create: { width: 100, height: 100, channels: 3, background: '#fff' } })
    .png()
    .toBuffer();
});
beforeEach(() => {
  images = new ImageProcessor({ maxPixels: 40_000, workers: { entry: slowToFinish, size: 1 } });
  admission = new Admission(8, () => 0);
  translator = new Translator({
    resolve,
    images,
    admission,
    scheduler: scheduler as unknown as Scheduler,
  });
});
afterEach(() => images.close());

const translate = (
  settings: Partial<StreamConfiguration>,
  n: number,
  signal?: AbortSignal,
  picture = image,
  others: Partial<TranslationJob> = {},
) =>
  translator.translate({
    image: picture,
    settings: { ...streamConfigurationSchema.parse({}), restore_size: true, ...settings },
    n,
    priority: 'normal',
    client: 'test',
    ...(signal === undefined ? {} : { signal }),
    ...others,
  });

describe('a bundle whose tokenizer was not looked at', () => {
  const spoilt = (tokenizerPath: string, sha256: string): Catalogue => {
    const bundle = resolve.catalogue.bundle('tiny-sketch');
    const tokenizer = { ...bundle.manifest.tokenizer, sha256 };
    const manifest = { ...bundle.manifest, tokenizer };
    return new Catalogue([{ status: 'ready', bundle: { ...bundle, tokenizerPath, manifest } }]);
  };
  const ask = (catalogue: Catalogue) => {
    translator = new Translator({
      resolve: { ...resolve, catalogue },
      images,
      admission,
      scheduler: scheduler as unknown as Scheduler,
    });
    return translate({}, 1);
  };

  it('is refused with the reason where it is none', async () => {
    const { files, folder } = resolve.catalogue.bundle('tiny-sketch');
    const graph = files.find((file) => file.path.endsWith('translator.onnx'));
    const catalogue = spoilt(join(folder, 'translator.onnx'), graph?.sha256 ?? '');
    await expect(ask(catalogue)).rejects.toMatchObject({
      code: 'model_unavailable',
      message: expect.stringMatching(/"tiny-sketch" was refused: translator\.onnx is no tokenizer: /),
    });
    expect(() => catalogue.bundle('tiny-sketch')).toThrow('is no tokenizer');
  });

  it('is not refused for good where it cannot be read for a moment', async () => {
    const catalogue = spoilt(join(FIXTURES, 'nowhere.json'), 'f'.repeat(64));
    await expect(ask(catalogue)).rejects.toMatchObject({
      code: 'model_unavailable',
      message: expect.stringMatching(/"tiny-sketch" cannot read the prompt: ENOENT/),
    });
    expect(catalogue.bundle('tiny-sketch').id).toBe('tiny-sketch');
  });
});

describe('a translation', () => {
  it('is given up at its deadline while its results are scaled back, too', async () => {
    const startedAt = performance.now();
    await expect(translate({ timeout_ms: FINISH_MS / 2 }, 2)).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
    expect(performance.now() - startedAt).toBeLessThan(FINISH_MS);
    expect(admission.admitted).toBe(0);
  });

  it('of a client that left gives its place in the queue of the image threads to others', async () => {
    const client = new AbortController();
    const left = translate({}, 4, client.signal);
    // Until the first of its results is in the thread and three wait.
    await new Promise((done) => setTimeout(done, FINISH_MS / 2));
    client.abort();
    await expect(left).rejects.toMatchObject({ code: 'aborted' });
    const startedAt = performance.now();
    expect((await translate({}, 1)).images).toHaveLength(1);
    // What ran to its end, and its own: not four and its own.
    expect(performance.now() - startedAt).toBeLessThan(3 * FINISH_MS);
  });

  it('keeps its places until its pictures are handed over, or it is given up at its deadline', async () => {
    let handOver = () => {};
    const handedOver = new Promise<void>((resolve) => {
      handOver = resolve;
    });
    const one = translate({}, 1, undefined, image, { handOver: () => handedOver });
    await new Promise((done) => setTimeout(done, FINISH_MS * 1.5));
    expect(admission.admitted).toBe(1);
    handOver();
    expect((await one).images).toHaveLength(1);
    expect(admission.admitted).toBe(0);

    const never = (_: unknown, givenUp: AbortSignal) =>
      new Promise<void>((_resolve, reject) => {
        givenUp.addEventListener('abort', () => reject(givenUp.reason));
      });
    const two = translate({ timeout_ms: FINISH_MS * 2 }, 1, undefined, image, { handOver: never });
    await expect(two).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(admission.admitted).toBe(0);
  });

  it('whose results together would have more pixels than a picture may have is refused, before it is decoded', async () => {
    await expect(translate({}, 5)).rejects.toMatchObject({
      code: 'invalid_request',
      details: { errors: [{ field: 'n', value: 5 }] },
    });
    expect((await translate({}, 4)).images).toHaveLength(4);
  });

  it('whose result would be too long for its format is refused before a device is asked', async () => {
    const long = await sharp({ create: { width: 17_000, height: 2, channels: 3, background: '#fff' } })
      .png()
      .toBuffer();
    const run = vi.spyOn(scheduler, 'run');
    const settings = { fit: 'fill', format: 'webp' } as const;
    await expect(translate(settings, 1, undefined, long)).rejects.toMatchObject({
      code: 'invalid_request',
      details: { errors: [{ field: 'format', value: 'webp' }] },
    });
    expect(run).not.toHaveBeenCalled();
    expect((await translate({ fit: 'fill' }, 1, undefined, long)).images).toHaveLength(1);
  });
});
