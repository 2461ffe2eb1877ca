/** Prompt embeddings an engine has already computed, by bundle and tokens, least recently used out first. */
import { LRUCache } from 'lru-cache';

export class EmbeddingCache {
  readonly #cache: LRUCache<string, Float32Array>;

  /** @param maxBytes bytes of embeddings to keep; one of SD-Turbo (77×1024 float32) has 315 kB */
  constructor(maxBytes: number) {
    this.#cache = new LRUCache({
      maxSize: Math.max(1, maxBytes),
      sizeCalculation: (value) => value.byteLength,
    });
  }

  get(key: string): Float32Array | undefined {
    return this.#cache.get(key);
  }

  set(key: string, embedding: Float32Array): void {
    this.#cache.set(key, embedding);
  }

  /** @param textEncoder sha256 of the text encoder: bundles that share it share their embeddings */
  static key(textEncoder: string, tokens: BigInt64Array): string {
    return `${textEncoder}\0${Buffer.from(tokens.buffer, tokens.byteOffset, tokens.byteLength).toString('latin1')}`;
  }
}
