/** The way of one request, top to bottom: admission, decode, conditioning, tokens, a device, encode. */
import type { Bundle } from './bundles/bundle.js';
import { refusal } from './bundles/catalogue.js';
import { LastingLoadError } from './bundles/lasting-load-error.js';
import { tokenizerOf } from './bundles/tokenizers.js';
import { withoutFolder } from './bundles/without-folder.js';
import { Img2ImgError, messageOf } from './errors.js';
import { patienceUntil, throwIfGivenUp } from './give-up.js';
import type { ImageProcessor } from './images/processor.js';
import { giveBack } from './picture-memory.js';
import type { Tokens } from './prompts/tokenizer.js';
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

export class Translator implements Translates {
  readonly #options: TranslatorOptions;

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
      this.#tokens(bundle, request.prompt),
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

  /** @throws Img2ImgError `model_unavailable` with the reason: a large bundle's tokenizer is not looked at before */
  async #tokens(bundle: Bundle, prompt: string): Promise<Tokens> {
    try {
      return (await tokenizerOf(bundle)).encode(prompt);
    } catch (error) {
      const reason = withoutFolder(messageOf(error), bundle.modelsDir);
      if (error instanceof LastingLoadError) {
        this.#options.resolve.catalogue.refuse(bundle, reason);
        throw refusal(bundle.id, reason);
      }
      throw new Img2ImgError(
        'model_unavailable',
        `The model "${bundle.id}" cannot read the prompt: ${reason}`,
        {
          details: { model: bundle.id, reason },
          cause: error,
        },
      );
    }
  }
}
