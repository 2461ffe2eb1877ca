/** Settings in the address: everything but the drawing, after the `#`, so that it never reaches a server's log. */
import { isSeed, MOST_CHARACTERS, PLACE, type Settings } from './settings.js';

/**
 * For example `#model=emoji-sketch&prompt=a+fox&seed=7`. What is at its default stays out, but not an empty prompt: where
 * none is named, the page begins with the model's example.
 */
export function hashOf(settings: Settings): string {
  const fields = new URLSearchParams();
  const put = (name: string, value: string | number | undefined) => {
    if (value !== undefined && value !== '') fields.set(name, String(value));
  };
  put('model', settings.model);
  fields.set('prompt', settings.prompt);
  put('style', settings.style);
  put('template', settings.template);
  put('direction', settings.direction);
  put('gamma', settings.gamma);
  put('low', settings.lowThreshold);
  put('high', settings.highThreshold);
  put('seed', settings.seed);
  return `#${fields}`;
}

export interface Link {
  settings: Partial<Settings>;
  /** What of it cannot be used, in the words of the page. */
  unusable: string[];
}

/** What an address says. */
export function linkOf(hash: string): Link {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const unusable: string[] = [];
  const text = (name: string) => fields.get(name) ?? undefined;
  const number = (name: string, words: string, takes: (value: number) => boolean) => {
    const said = text(name);
    if (said === undefined) return undefined;
    if (said.trim() !== '' && takes(Number(said))) return Number(said);
    unusable.push(`${words} “${said}”`);
    return undefined;
  };
  const within = (min: number, max: number) => (value: number) => value >= min && value <= max;
  let template = text('template')?.slice(0, 600);
  if (template !== undefined && !template.includes(PLACE)) {
    unusable.push(`template “${template}” (it needs ${PLACE})`);
    template = undefined;
  }
  const found: Partial<Settings> = {
    model: text('model'),
    prompt: text('prompt')?.slice(0, MOST_CHARACTERS),
    style: text('style'),
    template,
    direction: text('direction'),
    gamma: number('gamma', 'sketch guidance', within(0, 1)),
    lowThreshold: number('low', 'edges from', within(0, 1000)),
    highThreshold: number('high', 'strong edges from', within(0, 1000)),
    seed: number('seed', 'seed', isSeed),
  } as Partial<Settings>;
  const settings = Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
  return { settings, unusable };
}
