/** What the controls say when the page opens. */
import type { Catalogue } from './catalogue.js';
import { linkOf } from './link.js';
import { exampleOf, randomSeed, readyModels, type Settings } from './settings.js';

/**
 * The link's settings, where they name things there are; else the server's defaults.
 * @returns and what of the link was left out, in the words of the page
 */
export function firstSettings(
  catalogue: Catalogue,
  hash: string,
): { settings: Settings; leftOut: readonly string[] } {
  const link = linkOf(hash);
  const { settings: linked, unknown } = known(catalogue, link.settings);
  const model = linked.model ?? catalogue.defaultModel ?? readyModels(catalogue)[0]?.id ?? '';
  const settings = {
    model,
    prompt: exampleOf(readyModels(catalogue).find(({ id }) => id === model)) ?? '',
    style: '',
    template: undefined,
    direction: undefined,
    gamma: undefined,
    lowThreshold: undefined,
    highThreshold: undefined,
    seed: randomSeed(),
    ...linked,
  };
  return { settings, leftOut: [...unknown, ...link.unusable] };
}

/** Of a picture that was made earlier, perhaps by another server at this address: as much of it as there is here. */
export function settingsHere(catalogue: Catalogue, earlier: Settings, now: Settings): Settings {
  const { settings } = known(catalogue, earlier);
  return { ...earlier, model: now.model, style: '', direction: undefined, ...settings };
}

/**
 * What was set, after the server's offer has changed: as much of it as there still is. Where its model is gone, another
 * one, for which what belongs to a model is at its default.
 * @returns and what is gone, in the words of the page
 */
export function stillHere(
  catalogue: Catalogue,
  before: Settings,
): { settings: Settings; gone: readonly string[] } {
  const { settings: here, unknown: gone } = known(catalogue, before);
  if (here.model !== undefined)
    return { settings: { ...before, style: '', direction: undefined, ...here }, gone };
  const model = catalogue.defaultModel ?? readyModels(catalogue)[0]?.id ?? before.model;
  const example = exampleOf(readyModels(catalogue).find(({ id }) => id === model));
  const settings = {
    ...before,
    model,
    prompt: before.prompt || (example ?? ''),
    style: here.style ?? '',
    direction: undefined,
    gamma: undefined,
    lowThreshold: undefined,
    highThreshold: undefined,
  };
  return { settings, gone };
}

/** Without models, styles and directions that this server does not have: a link may come from another one. */
function known(
  catalogue: Catalogue,
  linked: Partial<Settings>,
): { settings: Partial<Settings>; unknown: string[] } {
  const { model: id, style, direction, ...rest } = linked;
  const model = readyModels(catalogue).find((each) => each.id === id);
  const hasDirection = model?.directions.some((each) => each.id === direction);
  const hasStyle = catalogue.styles.some((each) => each.id === style);
  const settings = {
    ...rest,
    ...(model === undefined ? {} : { model: model.id }),
    ...(hasDirection ? { direction } : {}),
    ...(hasStyle ? { style } : {}),
  } as Partial<Settings>;
  const unknown = [
    ...(id && model === undefined ? [`model “${id}”`] : []),
    ...(style && !hasStyle ? [`style “${style}”`] : []),
    // Another model's directions are its own affair.
    ...(direction && model !== undefined && !hasDirection ? [`direction “${direction}”`] : []),
  ];
  return { settings, unknown };
}
