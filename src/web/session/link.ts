/** Settings in the address: everything but the drawing, after the `#`, so that it never reaches a server's log. */
import type { Settings } from './settings.js';

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

/** What an address says; anything malformed counts as not said. */
export function settingsOf(hash: string): Partial<Settings> {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const text = (name: string) => fields.get(name) ?? undefined;
  const number = (name: string, min: number, max: number) => {
    const value = text(name) === undefined ? Number.NaN : Number(text(name));
    return value >= min && value <= max ? value : undefined;
  };
  const seed = number('seed', -2147483648, 2147483647);
  const found: Partial<Settings> = {
    model: text('model'),
    prompt: text('prompt')?.slice(0, 2000),
    style: text('style'),
    template: text('template')?.slice(0, 600),
    direction: text('direction'),
    gamma: number('gamma', 0, 1),
    lowThreshold: number('low', 0, 1000),
    highThreshold: number('high', 0, 1000),
    seed: seed === undefined ? undefined : Math.trunc(seed),
  } as Partial<Settings>;
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}
