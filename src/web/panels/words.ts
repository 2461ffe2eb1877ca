/** Prompt, style and the style's template: the words of the picture. */
import type { Catalogue, Model } from '../session/catalogue.js';
import type { CurrentCatalogue } from '../session/current-catalogue.js';
import {
  configurationOf,
  exampleOf,
  givenTemplate,
  MOST_CHARACTERS,
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
  /** What stands there is no template: it stays to be mended, until another takes its place. */
  #lacksPlace = false;

  constructor(catalogue: CurrentCatalogue, store: SettingsStore) {
    this.#catalogue = catalogue;
    this.#store = store;
    this.#list();
    catalogue.onChange(() => this.#list());
    this.#styles.addEventListener('change', (event) => {
      const { target } = event;
      if (target instanceof HTMLInputElement) store.change({ style: target.value, template: undefined });
    });
    this.#prompt.addEventListener('input', () => store.change({ prompt: this.#prompt.value }, 'typing'));
    this.#prompt.addEventListener('change', () => store.change({ prompt: this.#prompt.value }));
    this.#template.addEventListener('input', () => this.#editTemplate());
    this.#template.addEventListener('change', () => store.change({}));
    this.#reset.addEventListener('click', () => {
      this.#lacksPlace = false;
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

  /** Whether the server takes no such words; it is told here, beside the field. */
  get tooLong(): boolean {
    return this.#length(this.#store.current) > MOST_CHARACTERS;
  }

  #list(): void {
    const styles = this.#catalogue.styles.filter((style) => style.template !== PLACE);
    this.#styles.replaceChildren(chip('', 'None'), ...styles.map((style) => chip(style.id, style.title)));
  }

  #editTemplate(): void {
    const { value } = this.#template;
    this.#lacksPlace = !value.includes(PLACE);
    if (this.#lacksPlace) {
      this.#setTemplateFault(`Not used yet: it needs ${PLACE}, where the prompt goes.`);
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
    if (!this.#lacksPlace || template !== this.#templateInUse) {
      this.#lacksPlace = false;
      if (this.#template.value !== template) this.#template.value = template;
      this.#setTemplateFault(faultOf(this.#length(settings)));
    }
    this.#templateInUse = template;
    this.#reset.hidden = settings.template === undefined && this.#template.validity.valid;
  }

  /** Characters of the prompt as it is sent. */
  #length(settings: Settings): number {
    return configurationOf(this.#catalogue, settings).prompt?.length ?? 0;
  }

  #setTemplateFault(fault: string): void {
    this.#template.setCustomValidity(fault);
    this.#template.setAttribute('aria-invalid', String(fault !== ''));
    // The same again would be read out again.
    if (this.#templateFault.textContent !== fault) this.#templateFault.textContent = fault;
  }
}

function faultOf(length: number): string {
  if (length <= MOST_CHARACTERS) return '';
  return `Not used yet: with the prompt in it, this is ${length} characters long. At most ${MOST_CHARACTERS} can be sent.`;
}

function chip(value: string, title: string): HTMLElement {
  const input = make('input', { type: 'radio', name: 'style', value });
  return make('label', { class: 'chip' }, input, make('span', {}, title));
}
