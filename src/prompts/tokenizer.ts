/** Prompt → token ids, by the `tokenizer.json` of a bundle, as transformers' CLIPTokenizer gives them. */
import { readFile } from 'node:fs/promises';
import { Tokenizer as Encoder } from '@huggingface/tokenizers';

export interface TokenizerOptions {
  /** Every prompt becomes exactly this many ids. */
  readonly maxLength: number;
  /** What a short prompt is filled up with. */
  readonly padId: number;
}

export interface Tokens {
  /** int64 [L]: start, the prompt's tokens, end, padding. */
  readonly ids: BigInt64Array;
  /** Whether the end of the prompt was cut off. */
  readonly truncated: boolean;
}

export interface Tokenizer {
  encode(prompt: string): Tokens;
}

/** @throws Error where the file cannot be read or is no tokenizer; the caller knows whose bundle it is */
export async function loadTokenizer(path: string, options: TokenizerOptions): Promise<Tokenizer> {
  const encoder = new Encoder(JSON.parse(await readFile(path, 'utf8')), {});
  return { encode: (prompt) => fitTokens(encoder.encode(prompt).ids, options) };
}

/** Cuts or pads to the length. The end token stays the last one: it is where CLIP's text encoder was trained to end. */
function fitTokens(ids: readonly number[], { maxLength, padId }: TokenizerOptions): Tokens {
  const truncated = ids.length > maxLength;
  const kept = truncated ? [...ids.slice(0, maxLength - 1), ...ids.slice(-1)] : ids;
  const padded = new BigInt64Array(maxLength).fill(BigInt(padId));
  kept.forEach((id, index) => {
    padded[index] = BigInt(id);
  });
  return { ids: padded, truncated };
}
