/** What a saved picture is called: its prompt and its seed, so that it is found again among others. */
import type { Made } from './live.js';

/** Short enough to be read in a folder. */
const LONGEST_SLUG = 60;

/** For example `a-duck-1000.png`; the model's id stands in for words that leave nothing to write. */
export function pictureName({ configuration, settings, seed }: Made, extension: 'png' | 'jpg'): string {
  // A model with a fixed prompt is sent none, whatever the field still says.
  const words = configuration.prompt === undefined ? '' : settings.prompt;
  return `${slugOf(words) || configuration.model || 'picture'}-${seed}.${extension}`;
}

/** Lower-case letters and digits of any script, with a hyphen for everything between; whole words where they fit. */
function slugOf(text: string): string {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').normalize('NFC').toLowerCase();
  const slug = plain.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '');
  if (slug.length <= LONGEST_SLUG) return slug;
  const cut = slug.slice(0, LONGEST_SLUG + 1);
  const end = cut.lastIndexOf('-');
  return end > 0 ? cut.slice(0, end) : cut.slice(0, LONGEST_SLUG);
}
