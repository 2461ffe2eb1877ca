/** Prompt, style and the style's template: the words of the picture. */
import type { Catalogue, Model } from '../session/catalogue.js';
import {
  exampleOf,
  givenTemplate,
  modelOf,
  PLACE,
  type Settings,
  type SettingsStore,
} from '../session/settings.js';
import { find, make } from '../ui/dom.js';

export class Words {
  readonly #catalogue: Catalogue;
  readonly #store: SettingsStore;
  readonly #field = find('#prompt-field', HTMLElement);
  readonly #prompt = find('#prompt', HTMLInputElement);
  readonly #styles = find('#styles', HTMLElement);
  readonly #stylesField = find('#styles-field', HTMLFieldSetElement);
  readonly #templateField = find('#template-field', HTMLElement);
  readonly #template = find('#template', HTMLInputElement);
  readonly #reset = find('#template-reset', HTMLButtonElement);
  readonly #templateFault = find('#template-fault', HTMLElement);
  readonly #promptNote = find('#prompt-note', HTMLElement);
  readonly #fixed = find('#fixed-prompt', HTMLElement);
  #templateInUse = '';

  constructor(catalogue: Catalogue, store: SettingsStore) {
    this.#catalogue = catalogue;
    this.#store = store;
    this.#styles.append(
      chip('', 'None'),
      ...catalogue.styles
        .filter((style) => style.template !== PLACE)
        .map((style) => chip(style.id, style.title)),
    );
    this.#styles.addEventListener('change', (event) => {
      const { target } = event;
      if (target instanceof HTMLInputElement) store.change({ style: target.value, template: undefined });
    });
    this.#prompt.addEventListener('input', () => store.change({ prompt: this.#prompt.value }, 'typing'));
    this.#prompt.addEventListener('change', () => store.change({ prompt: this.#prompt.value }));
    this.#template.addEventListener('input', () => this.#editTemplate());
    this.#template.addEventListener('change', () => store.change({}));
    this.#reset.addEventListener('click', () => {
      this.#setTemplateFault('');
      store.change({ template: undefined });
      this.#template.focus();
    });
    store.onChange((settings) => this.#show(settings));
    this.#show(store.current);
  }

  /** What there is to say of the words of the picture that came last; '' for nothing. */
  note(note: string): void {
    // The same with every picture stays as it is, rather than being read out again and again.
    if (this.#promptNote.textContent !== note) this.#promptNote.textContent = note;
  }

  #editTemplate(): void {
    const { value } = this.#template;
    const valid = value.includes(PLACE);
    this.#setTemplateFault(valid ? '' : `Not used yet: it needs ${PLACE}, where the prompt goes.`);
    if (!valid) {
      this.#reset.hidden = false;
      return;
    }
    const given = givenTemplate(this.#catalogue, this.#store.current);
    this.#store.change({ template: value === given ? undefined : value }, 'typing');
  }

  #show(settings: Settings): void {
    const model: Model | undefined = modelOf(this.#catalogue, settings);
    const fixed = model?.prompt.policy === 'fixed';
    this.#field.hidden = fixed;
    this.#stylesField.hidden = fixed;
    this.#templateField.hidden = fixed;
    this.#fixed.hidden = !fixed;
    if (model !== undefined && fixed) {
      const direction = model.directions.find(({ id }) => id === settings.direction) ?? model.directions[0];
      this.#fixed.textContent = `This model brings its own words: “${direction?.prompt ?? ''}”.`;
    }
    if (this.#prompt.value !== settings.prompt) this.#prompt.value = settings.prompt;
    const example = exampleOf(model);
    this.#prompt.placeholder = example === undefined ? 'What is it?' : `For example: ${example}`;
    for (const radio of this.#styles.querySelectorAll('input'))
      radio.checked = radio.value === settings.style;
    const template = settings.template ?? givenTemplate(this.#catalogue, settings);
    // One that cannot be used stays to be mended, until another takes its place.
    if (this.#template.validity.valid || template !== this.#templateInUse) this.#writeTemplate(template);
    this.#templateInUse = template;
    this.#reset.hidden = settings.template === undefined && this.#template.validity.valid;
  }

  #writeTemplate(template: string): void {
    if (this.#template.value !== template) this.#template.value = template;
    this.#setTemplateFault('');
  }

  #setTemplateFault(fault: string): void {
    this.#template.setCustomValidity(fault);
    this.#template.setAttribute('aria-invalid', String(fault !== ''));
    this.#templateFault.textContent = fault;
  }
}

function chip(value: string, title: string): HTMLElement {
  const input = make('input', { type: 'radio', name: 'style', value });
  return make('label', { class: 'chip' }, input, make('span', {}, title));
}
