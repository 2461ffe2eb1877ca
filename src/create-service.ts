/** Puts the service together: bundles from disk, an engine a device, a scheduler over them, the translator on top. */
import type { Logger } from 'pino';
import { Catalogue, chooseDefault } from './bundles/catalogue.js';
import { type Discovered, discoverBundles, refuseForeign } from './bundles/discovery.js';
import type { Config } from './config.js';
import { startEngines } from './engine/start-engines.js';
import { Img2ImgError, messageOf } from './errors.js';
import { LocalService } from './local-service.js';
import type { Metrics } from './metrics.js';
import { loadStyles } from './prompts/styles.js';
import type { Service } from './service.js';

export interface CreateServiceOptions {
  config: Config;
  logger: Logger;
  metrics: Metrics;
}

const MEGABYTE = 2 ** 20;

/**
 * Starts the engines and begins to load the preloaded bundles; does not wait for them.
 * @throws Img2ImgError `invalid_config` when a setting names a model, a file or a device that cannot be had
 */
export async function createService({ config, logger, metrics }: CreateServiceOptions): Promise<Service> {
  const styles = loadStyles(config.STYLES_FILE);
  const discovering = discoverBundles(config.MODELS_DIR);
  // Awaited below, where the engines can be ended if it fails: until then nobody listens.
  discovering.catch(() => undefined);
  const engines = await startEngines({
    devices: config.DEVICES,
    cpuThreads: config.CPU_THREADS,
    cpuInstances: config.CPU_INSTANCES,
    embeddingCacheBytes: config.EMBEDDING_CACHE_MB * MEGABYTE,
    memoryBudgetBytes: config.MEMORY_BUDGET_MB * MEGABYTE,
    startTimeoutMs: config.ENGINE_START_TIMEOUT_MS,
    requestTimeoutMs: config.ENGINE_RUN_TIMEOUT_MS,
    logger,
  });
  try {
    const discovered = await discovering.catch((error) => {
      throw new Img2ImgError('invalid_config', `MODELS_DIR cannot be read: ${messageOf(error)}`, {
        cause: error,
      });
    });
    const targets = new Set(engines.flatMap((engine) => engine.targets));
    const catalogue = new Catalogue(refuseForeign(discovered, targets));
    logRefused(catalogue.entries(), config.MODELS_DIR, logger);
    if (discovered.length === 0) logger.warn({ folder: config.MODELS_DIR }, 'no bundles found');
    const { DEFAULT_MODEL } = config;
    if (DEFAULT_MODEL !== undefined) naming('DEFAULT_MODEL', () => catalogue.entry(DEFAULT_MODEL));
    const preload = naming('PRELOAD', () => preloadedIds(config, catalogue));
    return new LocalService({ config, logger, metrics, styles, catalogue, engines, preload });
  } catch (error) {
    await Promise.all(engines.map((engine) => engine.close()));
    throw error;
  }
}

/** @throws Img2ImgError `invalid_config` naming the setting where `read` finds that it names no model */
function naming<Read>(setting: string, read: () => Read): Read {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Img2ImgError) || error.code !== 'unknown_model') throw error;
    throw new Img2ImgError('invalid_config', `${setting}: ${error.message}`, { cause: error });
  }
}

function logRefused(entries: readonly Discovered[], folder: string, logger: Logger): void {
  for (const entry of entries) {
    if (entry.status === 'failed')
      logger.warn({ bundle: entry.id, folder, reason: entry.reason }, 'bundle refused');
  }
}

/**
 * What is to be loaded at start, refused or not where it is named.
 * @throws Img2ImgError `unknown_model`
 */
function preloadedIds(config: Config, catalogue: Catalogue): string[] {
  const bundles = catalogue.bundles();
  const ids = config.PRELOAD.flatMap((name) => {
    if (name === 'none') return [];
    if (name === 'all') return bundles.map(({ id }) => id);
    if (name === 'default') return chooseDefault(bundles, config.DEFAULT_MODEL) ?? [];
    return name;
  });
  for (const id of ids) catalogue.entry(id);
  return [...new Set(ids)];
}
