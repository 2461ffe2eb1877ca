/** The service on this machine: bundles from a folder, an engine a device. */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Bundle } from './bundles/bundle.js';
import { type Catalogue, chooseDefault, refusal } from './bundles/catalogue.js';
import { type Discovered, verifyBundle } from './bundles/discovery.js';
import { LastingLoadError } from './bundles/lasting-load-error.js';
import { rereadBundle } from './bundles/reread.js';
import type { Config } from './config.js';
import { describeModel } from './describe-model.js';
import type { Engine } from './engine/engine.js';
import { engineAway } from './engine/engine-away.js';
import { Img2ImgError, unknownId } from './errors.js';
import { ImageProcessor } from './images/processor.js';
import type { Metrics } from './metrics.js';
import type { Style } from './prompts/styles.js';
import { type ResolveContext, resolveRequest } from './resolve.js';
import { Admission } from './scheduling/admission.js';
import { createDevice } from './scheduling/create-device.js';
import type { DeviceScheduler } from './scheduling/device-scheduler.js';
import { Scheduler } from './scheduling/scheduler.js';
import type { ModelDescription, Service } from './service.js';
import { Translator } from './translator.js';

export interface LocalServiceOptions {
  config: Config;
  logger: Logger;
  metrics: Metrics;
  styles: readonly Style[];
  catalogue: Catalogue;
  engines: readonly Engine[];
  /** Ids of the bundles to load now, which `readiness` waits for. */
  preload: readonly string[];
}

export class LocalService implements Service {
  readonly #config: Config;
  readonly #styles: readonly Style[];
  readonly #catalogue: Catalogue;
  readonly #engines: readonly Engine[];
  readonly #preload: readonly string[];
  readonly #resolveContext: ResolveContext;
  readonly #scheduler: Scheduler;
  readonly #admission: Admission;
  readonly #images: ImageProcessor;
  readonly #translator: Translator;
  readonly translate: Translator['translate'];

  constructor({ config, logger, metrics, styles, catalogue, engines, preload }: LocalServiceOptions) {
    this.#config = config;
    this.#styles = styles;
    this.#catalogue = catalogue;
    this.#engines = engines;
    this.#preload = preload;
    this.#resolveContext = {
      catalogue,
      styles,
      defaultTimeoutMs: config.DEFAULT_TIMEOUT_MS,
      defaultModel: () => this.defaultModel(),
    };
    const loadTimes = new Map<string, number>();
    const devices = engines.map((engine) =>
      createDevice(engine, {
        maxBatchSize: config.MAX_BATCH_SIZE,
        maxQueueDelayMs: config.MAX_QUEUE_DELAY_MS,
        agingMs: config.PRIORITY_AGING_MS,
        preferredBatchSizes: config.PREFERRED_BATCH_SIZES,
        verify: (bundle) => this.#verify(bundle),
        loadTimes,
        metrics,
        logger,
      }),
    );
    const loads = { loadMs: (id: string) => loadTimes.get(id) };
    this.#scheduler = new Scheduler(devices, loads, (shape) =>
      Math.min(...devices.map((device) => device.largestBatch(shape))),
    );
    this.#admission = new Admission(config.MAX_QUEUE_SIZE, () => this.#scheduler.backlogMs());
    this.#images = new ImageProcessor({ maxPixels: config.MAX_PIXELS });
    this.#translator = new Translator({
      resolve: this.#resolveContext,
      images: this.#images,
      admission: this.#admission,
      scheduler: this.#scheduler,
    });
    this.translate = (job) => this.#translator.translate(job);
    metrics.observeDevices(
      () =>
        devices.map((device) => ({
          device: device.engine.id,
          queued: device.queued,
          residentBundles: device.residency.loadedCount(),
          up: device.engine.state === 'ready',
        })),
      () => this.#admission.admitted,
    );
    for (const id of preload) {
      const entry = catalogue.entry(id);
      if (entry.status === 'failed') continue;
      for (const device of devices) device.keep(entry.bundle);
    }
  }

  defaultModel(): string | undefined {
    return chooseDefault(this.#catalogue.bundles(), this.#config.DEFAULT_MODEL);
  }

  models(): ModelDescription[] {
    return this.#catalogue.entries().map((entry) => this.#describe(entry));
  }

  model(id: string): ModelDescription {
    return this.#describe(this.#catalogue.entry(id));
  }

  async load(id: string, device?: string): Promise<ModelDescription> {
    const devices = this.#devices(device);
    const present = devices.filter((each) => !isAway(each));
    if (present.length === 0) throw engineAway(devices.map(({ engine }) => engine.id).join(', '));
    const bundle = await this.#reread(id);
    const loads = await Promise.allSettled(present.map((each) => each.load(bundle)));
    const failed = loads.find((load) => load.status === 'rejected');
    if (failed !== undefined && !loads.some((load) => load.status === 'fulfilled')) throw failed.reason;
    // Nobody can tell when, nor whether, one comes back: it loads the bundle then. It may have come back meanwhile.
    for (const each of devices) if (isAway(each) || !present.includes(each)) each.keep(bundle);
    return this.model(id);
  }

  async unload(id: string, device?: string): Promise<ModelDescription> {
    this.#catalogue.entry(id);
    await Promise.all(this.#devices(device).map((each) => each.unload(id)));
    return this.model(id);
  }

  styles(): readonly Style[] {
    return this.#styles;
  }

  resolve(settings: Parameters<Service['resolve']>[0]): ReturnType<Service['resolve']> {
    return resolveRequest(settings, this.#resolveContext).settings;
  }

  devices(): ReturnType<Service['devices']> {
    return this.#engines.map(({ id, state, restarts }) => ({ id, state, restarts }));
  }

  readiness(): { ready: boolean; reasons: string[] } {
    const reasons: string[] = [];
    if (this.#admission.draining) reasons.push('the server is shutting down');
    const ready = this.#scheduler.devices.filter(({ engine }) => engine.state === 'ready');
    if (ready.length === 0) reasons.push('no device is up');
    if (this.#catalogue.bundles().length === 0) reasons.push('there is no bundle in MODELS_DIR');
    // A default that is named must be fit to serve, although it may wait to be loaded until it is asked for.
    for (const id of new Set(this.#preload.concat(this.#config.DEFAULT_MODEL ?? []))) {
      const entry = this.#catalogue.entry(id);
      if (entry.status === 'failed') reasons.push(`${id} was refused: ${entry.reason}`);
      if (entry.status === 'failed' || !this.#preload.includes(id)) continue;
      if (ready.some(({ residency }) => residency.isLoaded(id) || residency.isReleased(id))) continue;
      const failed = ready
        .map(({ residency }) => residency.describe(id))
        .find(({ state }) => state === 'failed');
      reasons.push(
        failed === undefined ? `${id} is not loaded yet` : `${id} failed to load: ${failed.reason}`,
      );
    }
    return { ready: reasons.length === 0, reasons };
  }

  drain(): void {
    this.#admission.drain();
  }

  async close(): Promise<void> {
    this.drain();
    this.#scheduler.close();
    await Promise.all([...this.#engines.map((engine) => engine.close()), this.#images.close()]);
  }

  /** Small bundles were hashed when they were found; the others before their first load. */
  async #verify(bundle: Bundle): Promise<void> {
    try {
      await verifyBundle(bundle);
    } catch (error) {
      // What cannot be read now may be readable in a moment.
      if (error instanceof LastingLoadError) this.#catalogue.refuse(bundle, error.message);
      throw error;
    }
  }

  /**
   * A bundle as its folder has it now. One that changed leaves every device first: under one id there is one bundle.
   * @throws Img2ImgError `unknown_model`; `model_unavailable` with the reason when its folder does not hold together, or
   *   while what was there before is still being loaded. Then all stays as it was
   */
  async #reread(id: string): Promise<Bundle> {
    const targets = new Set(this.#engines.flatMap((engine) => engine.targets));
    const found = await rereadBundle(id, this.#config.MODELS_DIR, targets);
    const known = this.#catalogue.find(id);
    if (found === undefined) return this.#catalogue.bundle(id);
    if (found.status === 'failed') {
      if (known?.status !== 'ready') this.#catalogue.replace(found);
      throw refusal(id, found.reason);
    }
    const { bundle } = found;
    if (known?.status === 'ready' && isDeepStrictEqual(known.bundle, bundle)) return known.bundle;
    const { devices } = this.#scheduler;
    if (devices.some(({ residency }) => residency.describe(id).state === 'loading')) {
      const message = `The files of "${id}" changed while it is being loaded: load it again when that has ended.`;
      throw new Img2ImgError('model_unavailable', message, { details: { model: id }, retryAfterSeconds: 1 });
    }
    this.#catalogue.replace(found);
    this.#scheduler.replace(bundle);
    await Promise.all(devices.map((device) => device.unload(id)));
    return bundle;
  }

  /** @throws Img2ImgError `unknown_device` listing those there are */
  #devices(id: string | undefined): readonly DeviceScheduler[] {
    const { devices } = this.#scheduler;
    if (id === undefined) return devices;
    const device = devices.find(({ engine }) => engine.id === id);
    if (device !== undefined) return [device];
    const available = devices.map(({ engine }) => engine.id);
    const message = `There is no device "${id}"; there are ${available.join(', ')}.`;
    throw unknownId('device', id, available, message);
  }

  #describe(entry: Discovered): ModelDescription {
    return describeModel(entry, (id) =>
      this.#scheduler.devices.map(({ residency }) => residency.describe(id)),
    );
  }
}

function isAway({ engine }: DeviceScheduler): boolean {
  return engine.state !== 'ready';
}
