import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Bundle } from '../../src/bundles/bundle.js';
import { bundleSpec } from '../../src/bundles/bundle-spec.js';
import { EngineDiedError, EngineProcess, EngineRequestError } from '../../src/engine/engine-process.js';
import type {
  BatchOutput,
  BatchSpec,
  BundleSpec,
  EngineSettings,
  LoadOutput,
} from '../../src/engine/protocol.js';
import { SupervisedEngine } from '../../src/engine/supervised-engine.js';
import { fixtureBundle } from '../bundle-fixtures.js';
import { batch } from './sample-batch.js';

const SETTINGS: EngineSettings = {
  provider: 'cpu',
  deviceIndex: 0,
  threads: 2,
  instances: 2,
  embeddingCacheBytes: 8e6,
  padToPreferred: false,
};
const TIMEOUT_MS = 20_000;

const spec = (bundle: Bundle): BundleSpec => bundleSpec(bundle, [1, 8]);

function split(images: Uint8Array, count: number): Uint8Array[] {
  const length = images.length / count;
  return Array.from({ length: count }, (_, i) => images.slice(i * length, (i + 1) * length));
}

it('an engine leaves nothing in the home directory, as ONNX Runtime would to report its use', async () => {
  const home = await mkdtemp(path.join(os.tmpdir(), 'home-'));
  for (const name of ['HOME', 'XDG_CACHE_HOME', 'TMPDIR']) vi.stubEnv(name, home);
  try {
    const engine = await EngineProcess.start(SETTINGS, TIMEOUT_MS);
    await engine.request({ type: 'load', bundle: spec(await fixtureBundle('tiny-sketch')) }, TIMEOUT_MS);
    await engine.close();
    expect(await readdir(home, { recursive: true })).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
    await rm(home, { recursive: true });
  }
});

describe('an engine process', () => {
  let engine: EngineProcess;
  beforeAll(async () => {
    engine = await EngineProcess.start(SETTINGS, TIMEOUT_MS);
  });
  afterAll(() => engine.close());

  const load = async (id: string): Promise<Bundle> => {
    const bundle = await fixtureBundle(id);
    await engine.request<LoadOutput>({ type: 'load', bundle: spec(bundle) }, TIMEOUT_MS);
    return bundle;
  };
  const run = (wanted: BatchSpec): Promise<BatchOutput> =>
    engine.request<BatchOutput>({ type: 'run', batch: wanted }, TIMEOUT_MS);

  it.each(['tiny-sketch', 'tiny-sketch-staged', 'tiny-edge', 'tiny-day-night', 'tiny-day-night-staged'])(
    '%s: a sample alone and in a batch of eight gives the same bytes',
    async (id) => {
      const bundle = await load(id);
      const samples = [0, 1, 2, 3, 4, 5, 6, 7];
      const together = split((await run(batch(bundle, samples))).images, samples.length);
      for (const sample of samples) {
        const alone = (await run(batch(bundle, [sample]))).images;
        expect(Buffer.compare(alone, together[sample] ?? Buffer.alloc(0))).toBe(0);
      }
      expect(new Set(together.map((image) => Buffer.from(image).toString('base64'))).size).toBe(
        samples.length,
      );
    },
  );

  it('staged and fused layouts of the same weights give the same bytes', async () => {
    const [fused, staged] = [await load('tiny-sketch'), await load('tiny-sketch-staged')];
    const samples = [1, 2, 3];
    const a = (await run(batch(fused, samples))).images;
    const b = (await run(batch(staged, samples))).images;
    const largest = a.reduce((max, value, i) => Math.max(max, Math.abs(value - (b[i] ?? 0))), 0);
    expect(largest).toBeLessThanOrEqual(1);
  });

  it('pads a batch without changing or returning anything more', async () => {
    const bundle = await load('tiny-sketch');
    const plain = await run(batch(bundle, [1, 2, 3]));
    const padded = await run({ ...batch(bundle, [1, 2, 3]), runSize: 8 });
    expect(Buffer.compare(plain.images, padded.images)).toBe(0);
  });

  it('runs other sizes than the native one', async () => {
    const bundle = await load('tiny-sketch');
    const { images } = await run(batch(bundle, [1], [96, 48]));
    expect(images).toHaveLength(96 * 48 * 3);
  });

  it('both directions of a bundle differ', async () => {
    const bundle = await load('tiny-day-night');
    const [there, back] = [...bundle.directions.keys()];
    const a = (await run({ ...batch(bundle, [1]), direction: there ?? '' })).images;
    const b = (await run({ ...batch(bundle, [1]), direction: back ?? '' })).images;
    expect(Buffer.compare(a, b)).not.toBe(0);
  });

  it('encodes a prompt once, also for a bundle that shares the text encoder', async () => {
    const [sketch, edge] = [await load('tiny-sketch'), await load('tiny-edge')];
    const wanted = batch(sketch, [31, 32, 31]);
    expect(await run(wanted)).toMatchObject({ embeddingHits: 1, embeddingMisses: 2 });
    expect(await run(wanted)).toMatchObject({ embeddingHits: 3, embeddingMisses: 0 });
    expect(await run(batch(edge, [31]))).toMatchObject({ embeddingHits: 1, embeddingMisses: 0 });
    // Another file at the same path.
    const replaced: BundleSpec = {
      ...spec(edge),
      textEncoder: { ...spec(edge).textEncoder, sha256: 'another' },
    };
    await engine.request<LoadOutput>({ type: 'load', bundle: replaced }, TIMEOUT_MS);
    expect(await run(batch(edge, [31]))).toMatchObject({ embeddingHits: 0, embeddingMisses: 1 });
  });

  it('answers with the reason when a request fails, and lives on', async () => {
    const bundle = await load('tiny-sketch');
    await expect(run({ ...batch(bundle, [1]), direction: 'sideways' })).rejects.toThrow(EngineRequestError);
    await expect(run({ ...batch(bundle, [1]), bundle: 'nobody' })).rejects.toThrow(/not loaded/);
    expect((await run(batch(bundle, [1]))).images.length).toBeGreaterThan(0);
  });

  it('refuses a graph that is none', async () => {
    const bundle = await fixtureBundle('tiny-edge');
    const broken: BundleSpec = {
      ...spec(bundle),
      id: 'broken',
      textEncoder: { path: bundle.tokenizerPath, sha256: '' },
    };
    await expect(engine.request({ type: 'load', bundle: broken }, TIMEOUT_MS)).rejects.toThrow(
      EngineRequestError,
    );
  });

  it('refuses graphs that do not keep to the graph contract, saying what they give and what is wanted', async () => {
    const bundle = await fixtureBundle('tiny-sketch-staged');
    const { embedding, ...good } = spec(bundle);
    const refusal = (wrong: BundleSpec): Promise<string> =>
      engine.request({ type: 'load', bundle: { ...wrong, id: 'wrong' } }, TIMEOUT_MS).then(
        () => 'loaded',
        (error: Error) => error.message,
      );
    const [direction, graphs] = Object.entries(good.directions)[0] ?? [];
    if (direction === undefined || graphs?.layout !== 'staged')
      throw new Error('tiny-sketch-staged is staged');
    // A graph that ends in the latent instead of the picture.
    const translator: BundleSpec['directions'] = {
      [direction]: { layout: 'fused', translator: graphs.vae_encoder },
    };
    expect(await refusal({ ...good, embedding, directions: translator })).toMatch(
      /the picture is float32 \[1,4,8,8\], and the graph contract wants uint8 \[1,64,64,3\]/,
    );
    const { length, width } = embedding;
    expect(await refusal({ ...good, embedding: { length, width: 2 * width } })).toBe(
      `the "text_embedding" is float32 [1,${length},${width}], and the graph contract wants float32 [1,${length},${2 * width}]`,
    );
  });

  it('times the batch sizes it warms up', async () => {
    const bundle = await fixtureBundle('tiny-edge');
    const output = await engine.request<LoadOutput>({ type: 'load', bundle: spec(bundle) }, TIMEOUT_MS);
    expect(output.runMs.map(({ batchSize }) => batchSize)).toEqual([1, 8]);
    expect(output.runMs.every(({ milliseconds }) => milliseconds > 0)).toBe(true);
  });

  it('forgets a bundle that is unloaded', async () => {
    const bundle = await load('tiny-edge');
    await engine.request({ type: 'unload', bundle: bundle.id }, TIMEOUT_MS);
    await expect(run(batch(bundle, [1]))).rejects.toThrow(/not loaded/);
  });
});

describe('a supervised engine', () => {
  const options = {
    id: 'cpu:0',
    settings: SETTINGS,
    memoryBudgetBytes: 1e9,
    startTimeoutMs: TIMEOUT_MS,
    requestTimeoutMs: TIMEOUT_MS,
    logger: pino({ level: 'silent' }),
  };

  it('is replaced when its process is killed, and says so', async () => {
    const pids: (number | undefined)[] = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => pids.push(JSON.parse(line).pid) });
    const engine = await SupervisedEngine.start({
      ...options,
      logger: logger.child({}, { serializers: {} }),
    });
    const died = new Promise<string>((resolve) => engine.onRestart(resolve));
    const lost = engine.load(spec(await fixtureBundle('tiny-edge')));
    process.kill(pids.at(-1) ?? 0, 'SIGKILL');
    await expect(lost).rejects.toThrow(EngineDiedError);
    expect(await died).toMatch(/SIGKILL/);
    expect(engine.state).toBe('restarting');
    await engine.ready();
    expect(engine.restarts).toBe(1);
    expect(engine.state).toBe('ready');
    expect((await engine.load(spec(await fixtureBundle('tiny-edge')))).loadMs).toBeGreaterThan(0);
    await engine.close();
  });

  it('counts as hung, and is replaced, when it does not answer in time', async () => {
    const engine = await SupervisedEngine.start({ ...options, requestTimeoutMs: 1 });
    const bundle = await fixtureBundle('tiny-edge');
    await expect(engine.load(spec(bundle))).rejects.toThrow(/did not answer within 1 ms/);
    expect(engine.state).toBe('restarting');
    await engine.ready();
    expect(engine.state).toBe('ready');
    await engine.close();
  });

  it('makes the same pictures on the whole device and on shares of it, side by side', async () => {
    const engine = await SupervisedEngine.start(options);
    const bundle = await fixtureBundle('tiny-sketch');
    await engine.load(spec(bundle));
    expect(engine.instances(bundle.id)).toBe(0);
    await engine.multiply(bundle.id);
    expect(engine.instances(bundle.id)).toBe(2);
    const wanted = [1, 2, 3, 4].map((sample) => batch(bundle, [sample]));
    const whole: Uint8Array[] = [];
    for (const one of wanted) whole.push((await engine.run(one)).images);
    const shared = await Promise.all(wanted.map((one, i) => engine.run(one, 1 + (i % 2))));
    shared.forEach(({ images }, i) => {
      expect(Buffer.compare(images, whole[i] ?? Buffer.alloc(0))).toBe(0);
    });
    const last = engine.run(batch(bundle, [1]), 2);
    await engine.reduce(bundle.id);
    expect((await last).images.length).toBeGreaterThan(0);
    expect(engine.instances(bundle.id)).toBe(0);
    await expect(engine.run(batch(bundle, [1]), 2)).rejects.toThrow(/not loaded/);
    expect((await engine.run(batch(bundle, [1]))).images.length).toBeGreaterThan(0);
    await engine.multiply(bundle.id);
    expect(engine.instances(bundle.id)).toBe(2);
    await engine.unload(bundle.id);
    expect(engine.instances(bundle.id)).toBe(0);
    await expect(engine.run(batch(bundle, [1]), 2)).rejects.toThrow(/not loaded/);
    await engine.close();
  });

  it('has none of its instances where one of them cannot be loaded', async () => {
    const engine = await SupervisedEngine.start(options);
    const bundle = await fixtureBundle('tiny-edge');
    const folder = await mkdtemp(path.join(os.tmpdir(), 'img2img-engine-'));
    const { textEncoder, ...loaded } = spec(bundle);
    const copy = path.join(folder, 'text_encoder.onnx');
    await cp(textEncoder.path, copy);
    await engine.load({ ...loaded, textEncoder: { ...textEncoder, path: copy } });
    await rm(folder, { recursive: true });
    await expect(engine.multiply(bundle.id)).rejects.toThrow(/text_encoder\.onnx/);
    expect(engine.instances(bundle.id)).toBe(0);
    await expect(engine.run(batch(bundle, [1]), 1)).rejects.toThrow(/not loaded/);
    expect((await engine.run(batch(bundle, [1]))).images.length).toBeGreaterThan(0);
    await engine.close();
  });

  it('has no instances of what it does not hold, nor of anything in a new process', async () => {
    let pid = 0;
    const write = (line: string): void => {
      pid = JSON.parse(line).pid;
    };
    // The base fields of a logger would hide the engine's own.
    const logger = pino({ level: 'info', base: null }, { write });
    const engine = await SupervisedEngine.start({ ...options, logger });
    await expect(engine.multiply('nobody')).rejects.toThrow(/not loaded/);
    expect(engine.instances('nobody')).toBe(0);
    const bundle = await fixtureBundle('tiny-edge');
    await engine.load(spec(bundle));
    await engine.multiply(bundle.id);
    const died = new Promise<string>((resolve) => engine.onRestart(resolve));
    expect(engine.instances(bundle.id)).toBe(2);
    process.kill(pid, 'SIGKILL');
    await died;
    expect(engine.instances(bundle.id)).toBe(0);
    await engine.ready();
    await engine.load(spec(bundle));
    expect(engine.instances(bundle.id)).toBe(0);
    await engine.close();
  });

  it('is closed without waiting for a process that is being started', async () => {
    const engine = await SupervisedEngine.start({ ...options, requestTimeoutMs: 1 });
    const starting = new Promise<void>((started) => {
      vi.spyOn(EngineProcess, 'start').mockImplementationOnce((_settings, _timeoutMs, signal) => {
        started();
        return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
      });
    });
    await expect(engine.load(spec(await fixtureBundle('tiny-edge')))).rejects.toThrow(EngineDiedError);
    await starting;
    const ready = expect(engine.ready()).rejects.toThrow(EngineDiedError);
    await engine.close();
    await ready;
    expect(engine.state).toBe('closed');
  });

  it('does not come back after it was closed', async () => {
    const engine = await SupervisedEngine.start(options);
    await engine.close();
    expect(engine.state).toBe('closed');
    await expect(engine.load(spec(await fixtureBundle('tiny-edge')))).rejects.toThrow(EngineDiedError);
  });
});
