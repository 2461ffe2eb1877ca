/** Parses JSON that somebody sent, where only an object makes sense. */
import { HttpError } from './problem.js';

/**
 * Of these characters together, at most so many: a prompt of 2,000 characters may be made of them, and an image has none.
 * A million keys or brackets would keep the event loop for seconds.
 */
const SEPARATORS = [',', ':', '[', '{'];
const MAX_SEPARATORS = 10_000;

/** What is parsed: which error says that it is no such object, and what it should have been. */
interface Kind {
  code: 'malformed_body' | 'invalid_message';
  name: string;
  expected: string;
}

/** @throws HttpError of the kind's code */
export function parseJsonObject(text: string, { code, name, expected }: Kind): Record<string, unknown> {
  if (hasTooMuch(text)) {
    throw new HttpError(
      code,
      `The ${name} has too many values: ${MAX_SEPARATORS} commas, colons and brackets.`,
    );
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : '';
    throw new HttpError(code, `The ${name} is not valid JSON: ${reason}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new HttpError(code, expected);
  return parsed as Record<string, unknown>;
}

function hasTooMuch(text: string): boolean {
  let left = MAX_SEPARATORS;
  for (const separator of SEPARATORS) {
    for (let at = text.indexOf(separator); at >= 0; at = text.indexOf(separator, at + 1)) {
      left -= 1;
      if (left < 0) return true;
    }
  }
  return false;
}
