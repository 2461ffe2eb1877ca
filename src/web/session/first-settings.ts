/** What the controls say when the page opens. */
import type { Catalogue } from './catalogue.js';
import { settingsOf } from './link.js';
import { exampleOf, randomSeed, readyModels, type Settings } from './settings.js';

/** The link's settings, where they name things there are; else the server's defaults. */
export function firstSettings(catalogue: Catalogue, hash: string): Settings {
  const linked = known(catalogue, settingsOf(hash));
  const model = linked.model ?? catalogue.defaultModel ?? readyModels(catalogue)[0]?.id ?? '';
  return {
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
}

/** Of a picture that was made earlier, perhaps by another server at this address: as much of it as there is here. */
export function settingsHere(catalogue: Catalogue, earlier: Settings, now: Settings): Settings {
  return { ...earlier, model: now.model, style: '', direction: undefined, ...known(catalogue, earlier) };
}

/** Without models, styles and directions that this server does not have: a link may come from another one. */
function known(catalogue: Catalogue, linked: Partial<Settings>): Partial<Settings> {
  const { model: id, style, direction, ...rest } = linked;
  const model = readyModels(catalogue).find((each) => each.id === id);
  return {
    ...rest,
    ...(model === undefined ? {} : { model: model.id }),
    ...(model?.directions.some((each) => each.id === direction) ? { direction } : {}),
    ...(catalogue.styles.some((each) => each.id === style) ? { style } : {}),
  } as Partial<Settings>;
}
