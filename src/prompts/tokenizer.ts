/** Prompt → token ids, by the `tokenizer.json` of a bundle, as transformers' CLIPTokenizer gives them. */
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

/**
 * @param json what a `tokenizer.json` holds
 * @throws Error where that is no tokenizer; the caller knows whose bundle it is
 */
export function createTokenizer(json: string, options: TokenizerOptions): Tokenizer {
  const encoder = new Encoder(JSON.parse(json), {});
  const encode = (prompt: string): Tokens => fitTokens(encoder.encode(asReference(prompt)).ids, options);
  // One without words is built all the same, and would fail at every prompt.
  encode('a picture');
  return { encode };
}

/** Evens out the two places where @huggingface/tokenizers reads a prompt otherwise than transformers does. */
function asReference(prompt: string): string {
  return (
    prompt
      // JavaScript lower-cases Σ to ς at the end of a word; the reference goes letter by letter.
      .replaceAll('Σ', 'σ')
      // A prompt that is a special token in capitals would become the token itself; white space is dropped anyway.
      .replace(/<\|(?:start|end)oftext\|>/gi, '$& ')
  );
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
