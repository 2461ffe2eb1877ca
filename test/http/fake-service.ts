/** A service without models: real pictures (sharp), with timing and errors under the test's control. */
import sharp from 'sharp';
import { Img2ImgError } from '../../src/errors.js';
import { patienceUntil } from '../../src/give-up.js';
import type { ModelDescription, ResolvedSettings, Service } from '../../src/service.js';
import type { Translation, TranslationJob } from '../../src/translation.js';
import type { Warning } from '../../src/warnings.js';

const sketchModel: ModelDescription = {
  id: 'tiny-sketch',
  status: 'ready',
  title: 'Tiny sketch',
  description: '',
  family: 'pix2pix-turbo',
  conditioning: { kind: 'sketch', range: [0, 1] },
  prompt: { policy: 'free', example: 'a smiling face' },
  directions: [{ id: 'sketch_to_image', title: 'Sketch to image' }],
  stochastic: true,
  default_gamma: 0.4,
  size: { native: [64, 64], dynamic: true, multiple_of: 8, min: 64, max: 512 },
  layout: 'fused',
  precision: 'fp32',
  licence: { weights: 'MIT' },
  origin: 'made by this test',
  residency: [{ device: 'cpu:0', state: 'loaded', bytes: 1024 }],
};

export interface FakeService extends Service {
  readonly jobs: TranslationJob[];
  /** From now on translations wait; the function given back lets all of them go on. */
  hold(): () => void;
  /** The next translations throw this, until undefined is given. */
  fail(error: unknown): void;
  ready: boolean;
  draining: boolean;
  warnings: Warning[];
  /** Given back instead of a real picture. */
  picture: Buffer | undefined;
  /** What was asked of load and unload. */
  readonly residencyCalls: { action: string; id: string; device: string | undefined }[];
}

export function createFakeService(): FakeService {
  let gate: Promise<void> | undefined;
  let failure: unknown;
  const find = (id: string) => {
    if (id === sketchModel.id) return sketchModel;
    throw new Img2ImgError('unknown_model', `There is no model "${id}"; there is tiny-sketch.`, {
      details: { models: [sketchModel.id] },
    });
  };
  const service: FakeService = {
    jobs: [],
    residencyCalls: [],
    ready: true,
    draining: false,
    warnings: [],
    picture: undefined,
    hold() {
      let release = () => {};
      gate = new Promise((resolve) => {
        release = () => {
          gate = undefined;
          resolve();
        };
      });
      return release;
    },
    fail(error) {
      failure = error;
    },
    defaultModel: () => sketchModel.id,
    models: () => [sketchModel, { id: 'broken', status: 'failed', reason: 'translator.onnx is missing' }],
    model: find,
    async load(id, device) {
      service.residencyCalls.push({ action: 'load', id, device });
      return find(id);
    },
    async unload(id, device) {
      service.residencyCalls.push({ action: 'unload', id, device });
      return find(id);
    },
    styles: () => [{ id: 'anime', title: 'Anime', template: 'anime {prompt}' }],
    resolve(settings): ResolvedSettings {
      find(settings.model ?? 'tiny-sketch');
      if (settings.style !== undefined && settings.style !== 'anime') {
        throw new Img2ImgError('unknown_style', `There is no style "${settings.style}"; there is anime.`);
      }
      return {
        ...settings,
        model: 'tiny-sketch',
        direction: 'sketch_to_image',
        seed: settings.seed ?? 7,
        format: settings.format ?? 'png',
        size: settings.size ?? '64x64',
      };
    },
    devices: () => [{ id: 'cpu:0', state: 'ready', restarts: 0 }],
    readiness: () =>
      service.ready ? { ready: true, reasons: [] } : { ready: false, reasons: ['tiny-sketch is loading'] },
    drain() {
      service.draining = true;
    },
    async close() {},
    async translate(job) {
      const arrivedAt = performance.now();
      if (service.draining) throw new Img2ImgError('draining', 'The server is shutting down.');
      const settings = service.resolve(job.settings);
      service.jobs.push(job);
      await untilReleased(gate, job.signal);
      if (failure !== undefined) throw failure;
      const made = await picture(job, settings, service);
      if (job.handOver === undefined) return made;
      const patience = patienceUntil(arrivedAt + (settings.timeout_ms ?? 60_000), job.signal);
      await job.handOver(made, patience.signal).finally(() => patience.end());
      return made;
    },
  };
  return service;
}

async function untilReleased(
  gate: Promise<void> | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (gate === undefined) return;
  const aborted = new Promise<never>((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(new Img2ImgError('aborted', 'Nobody waits.')), {
      once: true,
    });
  });
  await Promise.race([gate, aborted]);
}

async function picture(
  job: TranslationJob,
  settings: ResolvedSettings,
  { warnings, picture: given }: Pick<FakeService, 'warnings' | 'picture'>,
): Promise<Translation> {
  const format = settings.format ?? 'png';
  const metadata = await sharp(job.image)
    .metadata()
    .catch(() => undefined);
  if (!['png', 'jpeg', 'webp', 'heif', 'gif'].includes(metadata?.format ?? '')) {
    throw new Img2ImgError('unsupported_image_type', 'Send a PNG, JPEG, WebP, AVIF or GIF.');
  }
  const data =
    given ??
    (await sharp(job.image)
      .resize(64, 64)
      .toFormat(format)
      .toBuffer()
      .catch((error: unknown) => {
        throw new Img2ImgError('invalid_image', 'The image is truncated or corrupt.', { cause: error });
      }));
  return {
    images: Array.from({ length: job.n }, (_, index) => ({ data, seed: settings.seed + index })),
    format,
    width: 64,
    height: 64,
    model: settings.model,
    direction: settings.direction,
    device: 'cpu:0',
    batchSize: job.n,
    timings: { decode: 1, queue: 2, inference: 3, encode: 4, total: 10 },
    warnings,
  };
}
