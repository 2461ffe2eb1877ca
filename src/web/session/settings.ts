/** What the controls say, and the one place that tells everyone when it changes. */
import type { StreamConfiguration } from '../../client/index.js';
import type { Catalogue, ReadyModel, Style } from './catalogue.js';

export interface Settings {
  model: string;
  prompt: string;
  /** Style id; '' for none. */
  style: string;
  /** The style's template as edited here; undefined where it is the server's own. */
  template: string | undefined;
  direction: string | undefined;
  /** undefined: the model's default. */
  gamma: number | undefined;
  lowThreshold: number | undefined;
  highThreshold: number | undefined;
  seed: number;
}

/** Whether a change is still under the hand (typing, dragging a slider) or done. */
export type ChangeKind = 'settled' | 'typing';

export class SettingsStore {
  #settings: Settings;
  readonly #listeners = new Set<(settings: Settings, kind: ChangeKind) => void>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get current(): Settings {
    return this.#settings;
  }

  change(part: Partial<Settings>, kind: ChangeKind = 'settled'): void {
    this.#settings = { ...this.#settings, ...part };
    for (const listener of this.#listeners) listener(this.#settings, kind);
  }

  onChange(listener: (settings: Settings, kind: ChangeKind) => void): void {
    this.#listeners.add(listener);
  }
}

/** Where the prompt goes in a template: one without it would make the same picture of every prompt. */
export const PLACE = '{prompt}';

/** More of a prompt the server does not take, nor does its field. */
export const MOST_CHARACTERS = 2000;

/** int32. */
export function isSeed(value: number): boolean {
  return value === (value | 0);
}

/** int32, not negative: easier to read out. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1)).reduce((_, value) => value >>> 1, 0);
}

export function readyModels(catalogue: Catalogue): ReadyModel[] {
  return catalogue.models.filter((model) => model.status === 'ready');
}

export function modelOf(catalogue: Catalogue, settings: Settings): ReadyModel | undefined {
  return readyModels(catalogue).find((model) => model.id === settings.model);
}

/** The sketch guidance in force, 0–1; undefined for a model that draws no noise. */
export function gammaOf(catalogue: Catalogue, settings: Settings): number | undefined {
  const model = modelOf(catalogue, settings);
  return model?.stochastic ? (settings.gamma ?? model.default_gamma) : undefined;
}

/** What to say where another seed would look the same; undefined where it gives another picture. */
export function whySeedIsIdle(catalogue: Catalogue, settings: Settings): string | undefined {
  const gamma = gammaOf(catalogue, settings);
  if (gamma === undefined) return 'With this model, seeds make no difference that could be seen.';
  if (gamma < 1) return undefined;
  return 'At sketch guidance 1 only the lines count, and every seed gives the same picture.';
}

/** A prompt that shows the model well, where it takes one at all. */
export function exampleOf(model: ReadyModel | undefined): string | undefined {
  return model?.prompt.policy === 'free' ? model.prompt.example : undefined;
}

export function styleOf(catalogue: Catalogue, settings: Settings): Style | undefined {
  return catalogue.styles.find((style) => style.id === settings.style);
}

/** What goes around the prompt where nobody edited it: the style's template, else the model's, else nothing. */
export function givenTemplate(catalogue: Catalogue, settings: Settings): string {
  const model = modelOf(catalogue, settings);
  const own = model?.prompt.policy === 'free' ? model.prompt.template : undefined;
  return styleOf(catalogue, settings)?.template ?? own ?? PLACE;
}

/** The settings a request or a stream is sent with: only what this model takes. */
export function configurationOf(catalogue: Catalogue, settings: Settings): StreamConfiguration {
  const model = modelOf(catalogue, settings);
  if (model === undefined) return { model: settings.model, seed: settings.seed };
  const edges = model.conditioning.kind === 'edge';
  return {
    model: model.id,
    ...(model.prompt.policy === 'free' ? wordsOf(catalogue, settings) : {}),
    ...(model.directions.length > 1 ? { direction: settings.direction ?? model.directions[0]?.id } : {}),
    ...(model.stochastic ? { gamma: gammaOf(catalogue, settings) } : {}),
    ...(edges ? { low_threshold: settings.lowThreshold, high_threshold: settings.highThreshold } : {}),
    seed: settings.seed,
  };
}

/**
 * An edited template is filled in here and sent as the prompt. The server would still put the model's own template
 * around a prompt without style, so it is sent with a style that adds nothing, where the server has one.
 */
function wordsOf(catalogue: Catalogue, settings: Settings): Pick<StreamConfiguration, 'prompt' | 'style'> {
  if (settings.template === undefined) return { prompt: settings.prompt, style: settings.style || undefined };
  const plain = catalogue.styles.find((style) => style.template === PLACE);
  return { prompt: settings.template.replaceAll(PLACE, () => settings.prompt), style: plain?.id };
}
