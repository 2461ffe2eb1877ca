/** The way of one request, top to bottom: admission, decode, conditioning, tokens, a device, encode. */
import { LRUCache } from 'lru-cache';
import type { Bundle } from './bundles/bundle.js';
import { patienceUntil, throwIfGivenUp } from './give-up.js';
import type { ImageProcessor } from './images/processor.js';
import { giveBack } from './picture-memory.js';
import { loadTokenizer, type Tokenizer } from './prompts/tokenizer.js';
import { type ResolveContext, type ResolvedRequest, resolveRequest } from './resolve.js';
import type { Admission } from './scheduling/admission.js';
import type { Sample } from './scheduling/job.js';
import type { Scheduler } from './scheduling/scheduler.js';
import type { Translates, Translation, TranslationJob } from './translation.js';
import { warningsOf } from './warnings.js';

export interface TranslatorOptions {
  resolve: ResolveContext;
  images: ImageProcessor;
  admission: Admission;
  scheduler: Scheduler;
}

/** Tokenizers are megabytes once read; this many differ on no sane server. */
const MAX_TOKENIZERS = 16;

export class Translator implements Translates {
  readonly #options: TranslatorOptions;
  readonly #tokenizers = new LRUCache<string, Promise<Tokenizer>>({ max: MAX_TOKENIZERS });

  constructor(options: TranslatorOptions) {
    this.#options = options;
  }

  /** Throws what `Translates` says. */
  async translate(job: TranslationJob): Promise<Translation> {
    const arrivedAt = performance.now();
    const { resolve, admission } = this.#options;
    const request = resolveRequest(job.settings, resolve);
    const release = admission.admit(job.n, job.client);
    const deadlineAt = arrivedAt + request.timeoutMs;
    const patience = patienceUntil(deadlineAt, job.signal);
    try {
      const { signal } = patience;
      const translation = await this.#run(job, request, { arrivedAt, deadlineAt, signal });
      await job.handOver?.(translation, signal);
      return translation;
    } finally {
      patience.end();
      release();
    }
  }

  async #run(
    job: TranslationJob,
    request: ResolvedRequest,
    { arrivedAt, deadlineAt, signal }: { arrivedAt: number; deadlineAt: number; signal: AbortSignal },
  ): Promise<Translation> {
    const { images, scheduler } = this.#options;
    const { bundle, direction, conditioning, settings } = request;
    const { priority, client } = job;

    const { format } = settings;
    const plan = {
      fit: settings.fit,
      size: request.size,
      rules: bundle.manifest.size,
      conditioning,
      restored: settings.restore_size ? { count: job.n, format } : undefined,
    };
    // The prompt is read while another thread decodes.
    const [prepared, tokens] = await Promise.all([
      images.prepare(job.image, plan, { priority, client, signal }),
      this.#tokenizer(bundle).then((tokenizer) => tokenizer.encode(request.prompt)),
    ]);
    const decodedAt = performance.now();
    throwIfGivenUp(deadlineAt, job.signal);

    const seeds = Array.from({ length: job.n }, (_, i) => (request.seed + i) | 0);
    const samples: Sample[] = seeds.map((seed) => ({
      image: prepared.data,
      tokens: tokens.ids,
      seed,
      gamma: request.gamma,
    }));
    const { width, height } = prepared;
    const result = await scheduler.run({
      bundle,
      direction: direction.id,
      width,
      height,
      samples,
      priority,
      client,
      deadlineAt,
      ...(job.signal === undefined ? {} : { signal: job.signal }),
    });

    const madeAt = performance.now();
    giveBack(prepared.data);
    const restore = settings.restore_size ? prepared.plan : undefined;
    const finished = await Promise.all(
      result.images.map(async (data) => {
        const picture = await images.finish(
          { data, width, height },
          { format, quality: settings.quality, restore },
          { priority, client, signal },
        );
        giveBack(data);
        return picture;
      }),
    );
    const encodedAt = performance.now();
    return {
      images: finished.map(({ data }, i) => ({ data, seed: seeds[i] ?? request.seed })),
      format,
      width: finished[0]?.width ?? width,
      height: finished[0]?.height ?? height,
      model: bundle.id,
      direction: direction.id,
      device: result.device,
      batchSize: result.batchSize,
      timings: {
        decode: decodedAt - arrivedAt,
        queue: result.queueMs,
        inference: result.inferenceMs,
        encode: encodedAt - madeAt,
        total: encodedAt - arrivedAt,
      },
      warnings: warningsOf({ manifest: bundle.manifest, prepared, truncated: tokens.truncated }),
    };
  }

  #tokenizer(bundle: Bundle): Promise<Tokenizer> {
    const { max_length: maxLength, pad_id: padId, sha256 } = bundle.manifest.tokenizer;
    const key = `${bundle.tokenizerPath}\0${sha256}\0${maxLength}\0${padId}`;
    let tokenizer = this.#tokenizers.get(key);
    if (tokenizer === undefined) {
      tokenizer = loadTokenizer(bundle.tokenizerPath, { maxLength, padId });
      this.#tokenizers.set(key, tokenizer);
      tokenizer.catch(() => this.#tokenizers.delete(key));
    }
    return tokenizer;
  }
}
