/** The tokenizers of bundles, each built once however many bundles share it. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { LRUCache } from 'lru-cache';
import { messageOf } from '../errors.js';
import { createTokenizer, type Tokenizer } from '../prompts/tokenizer.js';
import type { Bundle } from './bundle.js';
import { verifyFile } from './integrity.js';
import { LastingLoadError } from './lasting-load-error.js';

/** Tokenizers are megabytes once read; this many differ on no sane server. */
const MAX_TOKENIZERS = 16;

/** By what is in them, so that a bundle whose file was replaced gets the new one. */
const tokenizers = new LRUCache<string, Promise<Tokenizer>>({ max: MAX_TOKENIZERS });

/**
 * Building one of Stable Diffusion's size (49,408 tokens) takes 0.27 s of the event loop (one core of a shared Xeon server).
 * @throws LastingLoadError where the file is not the one that the manifest promises, or is no tokenizer; any other Error
 *   where it cannot be read
 */
export function tokenizerOf(bundle: Bundle): Promise<Tokenizer> {
  const { max_length: maxLength, pad_id: padId, sha256 } = bundle.manifest.tokenizer;
  const key = `${sha256}\0${maxLength}\0${padId}`;
  let tokenizer = tokenizers.get(key);
  if (tokenizer === undefined) {
    tokenizer = build(bundle);
    tokenizers.set(key, tokenizer);
    tokenizer.catch(() => tokenizers.delete(key));
  }
  return tokenizer;
}

async function build({ folder, tokenizerPath, manifest }: Bundle): Promise<Tokenizer> {
  const { sha256, bytes, max_length: maxLength, pad_id: padId } = manifest.tokenizer;
  const name = path.relative(folder, tokenizerPath);
  // Kept by its hash, so it must be what the hash says.
  await verifyFile({ path: tokenizerPath, sha256, bytes }, name);
  const json = await readFile(tokenizerPath, 'utf8');
  try {
    return createTokenizer(json, { maxLength, padId });
  } catch (error) {
    throw new LastingLoadError(`${name} is no tokenizer: ${messageOf(error)}`, { cause: error });
  }
}
