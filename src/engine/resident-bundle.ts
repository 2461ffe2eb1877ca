/** One bundle loaded in an engine: its sessions, and how a batch runs through them. */
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { GraphFile } from '../bundles/bundle.js';
import { EmbeddingCache } from './embedding-cache.js';
import { fillGaussian } from './noise.js';
import { encodePrompts, graphsInOrder, type Pipeline, runPipeline } from './pipeline.js';
import type { BatchOutput, BatchSpec, BundleSpec } from './protocol.js';
import type { SessionPool } from './sessions.js';

export class ResidentBundle {
  readonly spec: BundleSpec;
  readonly #graphs: GraphFile[];
  readonly #textEncoder: InferenceSession;
  readonly #pipelines: ReadonlyMap<string, Pipeline>;

  private constructor(
    spec: BundleSpec,
    graphs: GraphFile[],
    textEncoder: InferenceSession,
    pipelines: ReadonlyMap<string, Pipeline>,
  ) {
    this.spec = spec;
    this.#graphs = graphs;
    this.#textEncoder = textEncoder;
    this.#pipelines = pipelines;
  }

  /** @throws Error of ONNX Runtime when a graph does not load; what was loaded until then is released */
  static async load(spec: BundleSpec, pool: SessionPool): Promise<ResidentBundle> {
    const acquired: GraphFile[] = [];
    const acquire = async (graph: GraphFile): Promise<InferenceSession> => {
      const session = await pool.acquire(graph);
      acquired.push(graph);
      return session;
    };
    try {
      const textEncoder = await acquire(spec.textEncoder);
      const pipelines = new Map<string, Pipeline>();
      for (const [direction, graphs] of Object.entries(spec.directions)) {
        const pipeline: InferenceSession[] = [];
        for (const graph of graphsInOrder(graphs)) pipeline.push(await acquire(graph));
        pipelines.set(direction, pipeline);
      }
      return new ResidentBundle(spec, acquired, textEncoder, pipelines);
    } catch (error) {
      for (const graph of acquired) await pool.release(graph);
      throw error;
    }
  }

  async release(pool: SessionPool): Promise<void> {
    for (const graph of this.#graphs) await pool.release(graph);
  }

  /** Runs one batch, padded up to `runSize` by repeating its last sample. */
  async run(batch: BatchSpec, cache: EmbeddingCache): Promise<Omit<BatchOutput, 'runMs'>> {
    const pipeline = this.#pipelines.get(batch.direction);
    if (pipeline === undefined)
      throw new Error(`the bundle ${batch.bundle} has no direction "${batch.direction}"`);
    const { width, height } = batch;
    const { channels, downscale } = this.spec.latent;
    const { length, width: embeddingWidth } = this.spec.embedding;
    const samples = batch.seeds.length;
    const runSize = Math.max(batch.runSize, samples);

    const { embeddings, hits, misses } = await this.#embed(batch.tokens, cache);
    const noiseShape = [channels, Math.floor(height / downscale), Math.floor(width / downscale)] as const;
    const noiseLength = noiseShape[0] * noiseShape[1] * noiseShape[2];
    const noise = new Float32Array(samples * noiseLength);
    batch.seeds.forEach((seed, i) => {
      fillGaussian(noise.subarray(i * noiseLength, (i + 1) * noiseLength), seed);
    });

    const images = await runPipeline(pipeline, {
      image: new Tensor('uint8', padded(batch.images, samples, runSize), [runSize, height, width, 3]),
      text_embedding: new Tensor('float32', padded(embeddings, samples, runSize), [
        runSize,
        length,
        embeddingWidth,
      ]),
      noise: new Tensor('float32', padded(noise, samples, runSize), [runSize, ...noiseShape]),
      gamma: new Tensor('float32', padded(batch.gammas, samples, runSize), [runSize]),
    });
    return {
      images: images.length === batch.images.length ? images : images.slice(0, batch.images.length),
      embeddingHits: hits,
      embeddingMisses: misses,
    };
  }

  /** Embeddings float32 [B,L,D] of the batch's prompts, encoding only those that are not cached, each once. */
  async #embed(
    tokens: BigInt64Array,
    cache: EmbeddingCache,
  ): Promise<{ embeddings: Float32Array; hits: number; misses: number }> {
    const { length, width } = this.spec.embedding;
    const samples = tokens.length / length;
    const rowLength = length * width;
    const embeddings = new Float32Array(samples * rowLength);
    const encodedHere = new Map<string, Float32Array>();
    let misses = 0;
    for (let i = 0; i < samples; i++) {
      const row = tokens.subarray(i * length, (i + 1) * length);
      const key = EmbeddingCache.key(this.spec.textEncoder.sha256, row);
      let embedding = encodedHere.get(key) ?? cache.get(key);
      if (embedding === undefined) {
        misses++;
        // One prompt a run: its embedding must not depend on which others were new in the same batch.
        embedding = await encodePrompts(this.#textEncoder, row.slice(), this.spec.embedding);
        cache.set(key, embedding);
      }
      encodedHere.set(key, embedding);
      embeddings.set(embedding, i * rowLength);
    }
    return { embeddings, hits: samples - misses, misses };
  }
}

/** `values` of `samples` rows, with its last row repeated up to `rows`. */
function padded<T extends Uint8Array | Float32Array>(values: T, samples: number, rows: number): T {
  if (rows === samples) return values;
  const row = values.length / samples;
  const out = new (values.constructor as new (length: number) => T)(rows * row);
  out.set(values);
  const last = values.subarray(values.length - row);
  for (let i = samples; i < rows; i++) out.set(last, i * row);
  return out;
}
