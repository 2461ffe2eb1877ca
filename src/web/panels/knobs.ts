/** The settings beside the words: model, direction, sketch guidance, Canny thresholds. Built from `GET /v1/models`. */
import type { Catalogue, ReadyModel } from '../session/catalogue.js';
import type { CurrentCatalogue } from '../session/current-catalogue.js';
import { exampleOf, modelOf, readyModels, type Settings, type SettingsStore } from '../session/settings.js';
import { find, make } from '../ui/dom.js';

/** OpenCV's and the reference's defaults, where a bundle says none. */
const DEFAULT_LOW = 100;
const DEFAULT_HIGH = 200;

export class Knobs {
  readonly #catalogue: Catalogue;
  readonly #store: SettingsStore;
  readonly #model = find('#model', HTMLSelectElement);
  readonly #description = find('#model-description', HTMLElement);
  readonly #unusable = find('#unusable', HTMLElement);
  readonly #unusableTitle = find('#unusable-title', HTMLElement);
  readonly #reasons = find('#unusable-reasons', HTMLElement);
  readonly #directionField = find('#direction-field', HTMLFieldSetElement);
  readonly #directions = find('#directions', HTMLElement);
  readonly #gammaField = find('#gamma-field', HTMLElement);
  readonly #edgesField = find('#edges-field', HTMLElement);
  readonly #gamma = new Slider('gamma');
  readonly #low = new Slider('low');
  readonly #high = new Slider('high');
  readonly #facts = find('#facts', HTMLElement);
  #shownModel: string | undefined;

  constructor(catalogue: CurrentCatalogue, store: SettingsStore) {
    this.#catalogue = catalogue;
    this.#store = store;
    this.#list();
    catalogue.onChange(() => this.#list());
    this.#model.addEventListener('change', () => this.#changeModel(this.#model.value));
    this.#directions.addEventListener('change', ({ target }) => {
      if (target instanceof HTMLInputElement) store.change({ direction: target.value });
    });
    this.#gamma.onChange((gamma, kind) => store.change({ gamma }, kind));
    this.#low.onChange((low, kind) => {
      const high = Math.max(low, this.#thresholds().high);
      store.change({ lowThreshold: low, highThreshold: high }, kind);
    });
    this.#high.onChange((high, kind) => {
      const low = Math.min(high, this.#thresholds().low);
      store.change({ lowThreshold: low, highThreshold: high }, kind);
    });
    store.onChange((settings) => this.#show(settings));
    this.#show(store.current);
  }

  #list(): void {
    this.#model.replaceChildren(...this.#catalogue.models.map((model) => optionOf(model)));
    const unusable = this.#catalogue.models.filter((model) => model.status === 'failed');
    this.#unusable.hidden = unusable.length === 0;
    this.#unusableTitle.textContent = `${unusable.length} more cannot be used`;
    this.#reasons.replaceChildren(
      ...unusable.map(({ id, reason }) => make('li', {}, make('b', {}, id), `: ${reason}`)),
    );
    // Of the same name, it may still be another one now.
    this.#shownModel = undefined;
  }

  /** What was set for the other model would be refused by this one; an example prompt gives way to this one's own. */
  #changeModel(id: string): void {
    const { prompt } = this.#store.current;
    const untouched = prompt === '' || prompt === exampleOf(modelOf(this.#catalogue, this.#store.current));
    const next = readyModels(this.#catalogue).find((model) => model.id === id);
    this.#store.change({
      model: id,
      direction: undefined,
      gamma: undefined,
      lowThreshold: undefined,
      highThreshold: undefined,
      ...(untouched ? { prompt: exampleOf(next) ?? prompt } : {}),
    });
  }

  #show(settings: Settings): void {
    const model = modelOf(this.#catalogue, settings);
    this.#model.value = settings.model;
    if (model === undefined) return;
    if (this.#shownModel !== model.id) this.#showModel(model);
    for (const radio of this.#directions.querySelectorAll('input')) {
      radio.checked = radio.value === (settings.direction ?? model.directions[0]?.id);
    }
    const gamma = settings.gamma ?? model.default_gamma ?? 1;
    this.#gamma.show(gamma, gamma.toFixed(2));
    const { low, high } = this.#thresholds();
    this.#low.show(low, String(low));
    this.#high.show(high, String(high));
  }

  /** Those in force: a slider shows the nearest of its own steps. */
  #thresholds(): { low: number; high: number } {
    const { lowThreshold, highThreshold } = this.#store.current;
    const conditioning = modelOf(this.#catalogue, this.#store.current)?.conditioning;
    return {
      low: lowThreshold ?? conditioning?.low_threshold ?? DEFAULT_LOW,
      high: highThreshold ?? conditioning?.high_threshold ?? DEFAULT_HIGH,
    };
  }

  #showModel(model: ReadyModel): void {
    this.#shownModel = model.id;
    this.#description.textContent = model.description;
    this.#description.hidden = model.description === '';
    this.#gammaField.hidden = !model.stochastic;
    this.#edgesField.hidden = model.conditioning.kind !== 'edge';
    this.#directionField.hidden = model.directions.length < 2;
    this.#directions.replaceChildren(
      ...model.directions.map(({ id, title }) =>
        make(
          'label',
          { class: 'segment' },
          make('input', { type: 'radio', name: 'direction', value: id }),
          make('span', {}, title),
        ),
      ),
    );
    const [width, height] = model.size.native;
    const facts: [string, string][] = [
      ['Family', model.family],
      ['Made for', `${width}×${height} pixels${model.size.dynamic ? ', takes others' : ''}`],
      ['Precision', model.precision],
      ['Weights', model.licence.weights],
      ...(model.licence.data === undefined ? [] : [['Data', model.licence.data] as [string, string]]),
      ['Origin', model.origin],
    ];
    this.#facts.replaceChildren(
      ...facts.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]),
    );
  }
}

function optionOf(model: Catalogue['models'][number]): HTMLOptionElement {
  if (model.status === 'ready') return make('option', { value: model.id }, model.title);
  return make('option', { value: model.id, disabled: true }, `${model.id} (unusable)`);
}

/** A range input with its value beside it. */
class Slider {
  readonly #input: HTMLInputElement;
  readonly #output: HTMLOutputElement;

  constructor(id: string) {
    this.#input = find(`#${id}`, HTMLInputElement);
    this.#output = find(`#${id}-value`, HTMLOutputElement);
  }

  get value(): number {
    return this.#input.valueAsNumber;
  }

  onChange(listener: (value: number, kind: 'typing' | 'settled') => void): void {
    this.#input.addEventListener('input', () => listener(this.value, 'typing'));
    this.#input.addEventListener('change', () => listener(this.value, 'settled'));
  }

  show(value: number, text: string): void {
    this.#input.valueAsNumber = value;
    this.#output.value = text;
    const { min, max } = this.#input;
    const share = (value - Number(min)) / (Number(max) - Number(min));
    this.#input.style.setProperty('--share', `${Math.min(1, Math.max(0, share)) * 100}%`);
  }
}
