/** What one takes along: the sketch, the picture, a link to the settings, the request as curl. */
import { problemOf, serverUrl, translate } from '../session/api.js';
import type { Catalogue } from '../session/catalogue.js';
import { curlCommand } from '../session/curl.js';
import { pictureName } from '../session/file-name.js';
import { hashOf } from '../session/link.js';
import type { Made } from '../session/live.js';
import { configurationOf, type SettingsStore } from '../session/settings.js';
import { writeClipboard } from '../ui/clipboard.js';
import { find, make } from '../ui/dom.js';
import type { Notices } from './notices.js';

interface Sheet {
  /** undefined while there is nothing on it. */
  image(): Promise<Blob> | undefined;
  shown(): Made | undefined;
}

export class Takeaway {
  readonly #catalogue: Catalogue;
  readonly #store: SettingsStore;
  readonly #notices: Notices;
  readonly #sheet: Sheet;
  readonly #save = find('#save-picture', HTMLButtonElement);
  /** Of the picture that is being made for it. */
  #saving: AbortController | undefined;

  constructor(catalogue: Catalogue, store: SettingsStore, notices: Notices, sheet: Sheet) {
    this.#catalogue = catalogue;
    this.#store = store;
    this.#notices = notices;
    this.#sheet = sheet;
    const on = (id: string, action: () => Promise<void>) =>
      find(id, HTMLButtonElement).addEventListener('click', () => {
        notices.goOn();
        action().catch((error: unknown) => notices.problem(problemOf(error), 'action'));
      });
    on('#save-sketch', () => this.#saveSketch());
    on('#save-picture', () => this.#savePicture());
    on('#copy-curl', () => this.#copyCurl());
    on('#copy-link', () => this.#copyLink());
    addEventListener('keydown', (event) => {
      // Unless it meant something else: it also lifts the keyboard's pen, and closes what is open.
      const free = !event.defaultPrevented && document.querySelector('dialog[open]') === null;
      if (event.key === 'Escape' && free) this.#saving?.abort();
    });
  }

  async #saveSketch(): Promise<void> {
    const image = await this.#sheet.image();
    if (image === undefined) this.#notices.confirm('Draw something first.');
    else download(image, `sketch.${image.type === 'image/jpeg' ? 'jpg' : 'png'}`);
  }

  /**
   * The live picture is a JPEG for speed: the one to keep is made again, without loss, if the server can be had. With a
   * large model that takes a while, in which the drawing may go on: what is saved is what was shown.
   */
  async #savePicture(): Promise<void> {
    if (this.#saving !== undefined) return;
    const made = this.#sheet.shown();
    if (made === undefined) {
      this.#notices.confirm('Draw something first.');
      return;
    }
    const configuration = { ...made.configuration, format: 'png' as const, quality: undefined };
    const saving = new AbortController();
    this.#showSaving(saving);
    try {
      const [image] = await translate(made.input, configuration, saving.signal);
      if (image === undefined) return;
      download(image.blob, pictureName(made, 'png'));
      this.#notices.announce('Picture saved.');
    } catch (error) {
      if (saving.signal.aborted) {
        this.#notices.confirm('Not saved.');
        return;
      }
      download(made.picture, pictureName(made, 'jpg'));
      const why = problemOf(error).title;
      this.#notices.confirm(`Saved as it is on screen, as JPEG: no PNG could be had (${why}).`);
    } finally {
      this.#showSaving(undefined);
    }
  }

  #showSaving(saving: AbortController | undefined): void {
    const busy = saving !== undefined;
    this.#saving = saving;
    // Not the `disabled` attribute: that would take the focus away.
    this.#save.setAttribute('aria-disabled', String(busy));
    this.#save.setAttribute('aria-busy', String(busy));
    this.#save.title = busy ? 'Making it again without loss: Escape stops it' : 'Save the picture';
    find('.verb', HTMLElement, this.#save).textContent = busy ? 'Saving…' : 'Save';
    if (busy) this.#notices.announce('Saving the picture. Escape stops it.');
  }

  async #copyCurl(): Promise<void> {
    const image = this.#sheet.image();
    if (image === undefined) {
      this.#notices.confirm('Draw something first.');
      return;
    }
    const configuration = configurationOf(this.#catalogue, this.#store.current);
    const command = image.then((sketch) => curlCommand(serverUrl(), sketch, configuration));
    await this.#copy(command, 'Command copied, with the sketch in it.');
  }

  async #copyLink(): Promise<void> {
    // Not the page's own address, which follows the settings a moment later.
    const { href } = new URL(hashOf(this.#store.current), location.href);
    await this.#copy(href, 'Link copied. It brings back all settings, not the drawing.');
  }

  async #copy(text: string | Promise<string>, confirmation: string): Promise<void> {
    await writeClipboard(text);
    this.#notices.confirm(confirmation);
  }
}

function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  make('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
