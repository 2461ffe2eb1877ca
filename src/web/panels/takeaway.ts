/** What one takes along: the sketch, the picture, a link to the settings, the request as curl. */
import { problemOf, serverUrl, translate } from '../session/api.js';
import type { Catalogue } from '../session/catalogue.js';
import { curlCommand } from '../session/curl.js';
import { pictureName } from '../session/file-name.js';
import type { Made } from '../session/live.js';
import { configurationOf, type SettingsStore } from '../session/settings.js';
import { find, make } from '../ui/dom.js';
import type { Notices } from './notices.js';

interface Sheet {
  /** undefined while there is nothing on it. */
  image(): Promise<Blob | undefined>;
  shown(): Made | undefined;
}

export class Takeaway {
  readonly #catalogue: Catalogue;
  readonly #store: SettingsStore;
  readonly #notices: Notices;
  readonly #sheet: Sheet;

  constructor(catalogue: Catalogue, store: SettingsStore, notices: Notices, sheet: Sheet) {
    this.#catalogue = catalogue;
    this.#store = store;
    this.#notices = notices;
    this.#sheet = sheet;
    const on = (id: string, action: () => Promise<void>) =>
      find(id, HTMLButtonElement).addEventListener('click', () => {
        action().then(
          () => notices.over('action'),
          (error: unknown) => notices.problem(problemOf(error), 'action'),
        );
      });
    on('#save-sketch', () => this.#saveSketch());
    on('#save-picture', () => this.#savePicture());
    on('#copy-curl', () => this.#copyCurl());
    on('#copy-link', () => this.#copyLink());
  }

  async #saveSketch(): Promise<void> {
    const image = await this.#sheet.image();
    if (image === undefined) this.#notices.confirm('Draw something first.');
    else download(image, `sketch.${image.type === 'image/jpeg' ? 'jpg' : 'png'}`);
  }

  /** The live picture is a JPEG for speed: the one to keep is made again, without loss, if the server can be had. */
  async #savePicture(): Promise<void> {
    const made = this.#sheet.shown();
    if (made === undefined) {
      this.#notices.confirm('Draw something first.');
      return;
    }
    const configuration = { ...made.configuration, format: 'png' as const, quality: undefined };
    try {
      const [image] = await translate(made.input, configuration);
      if (image !== undefined) download(image.blob, pictureName(made, 'png'));
    } catch (error) {
      download(made.picture, pictureName(made, 'jpg'));
      const why = problemOf(error).title;
      this.#notices.confirm(`Saved as it is on screen, as JPEG: no PNG could be had (${why}).`);
    }
  }

  async #copyCurl(): Promise<void> {
    const image = await this.#sheet.image();
    if (image === undefined) {
      this.#notices.confirm('Draw something first.');
      return;
    }
    const configuration = configurationOf(this.#catalogue, this.#store.current);
    await this.#copy(
      await curlCommand(serverUrl(), image, configuration),
      'Command copied, with the sketch in it.',
    );
  }

  async #copyLink(): Promise<void> {
    await this.#copy(location.href, 'Link copied. It brings back all settings, not the drawing.');
  }

  async #copy(text: string, confirmation: string): Promise<void> {
    await writeClipboard(text);
    this.#notices.confirm(confirmation);
  }
}

/** Pages that come neither from this computer nor over https have no clipboard API, only the old command. */
async function writeClipboard(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) {
    try {
      return await navigator.clipboard.writeText(text);
    } catch {
      // Refused: the old command needs no permission.
    }
  }
  const area = make('textarea', { class: 'visually-hidden', 'aria-hidden': 'true' });
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  if (!copied) throw new Error('This browser did not allow copying.');
}

function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  make('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
