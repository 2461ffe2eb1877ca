/** What the page has to say: problems, in a box until read; the connection, quietly at the top; all of it to screen readers. */
import type { Problem, StreamStatus } from '../../client/index.js';
import { find, icon, make } from '../ui/dom.js';

/** As long as it takes to notice it and read it, at 20 letters a second. */
const CONFIRMATION_MS = 2_500;
const LETTER_MS = 50;
/** CSS pixels: a sentence in less is a column of words. */
const NARROW = 200;
const LARGE_SHEET: Problem = { title: 'This drawing is too large to survive a reload.', status: 0 };

/**
 * What a problem is about, and so when it is over: `picture` as soon as one comes, `input` when a file or the camera
 * gives one, `action` (a request, or something on this computer) when the server is back, both when the user goes on to
 * something else, `stream` when it opens, `sheet` when it fits into what the browser keeps, `page`
 * when the server has a model.
 */
export type Matter = 'picture' | 'input' | 'action' | 'stream' | 'sheet' | 'page';

export class Notices {
  readonly #box = find('#notices', HTMLElement);
  readonly #place = find('#notices-place', HTMLElement);
  readonly #announcer = find('#announcer', HTMLElement);
  readonly #connection = find('#connection', HTMLElement);
  readonly #text = find('#connection-text', HTMLElement);
  readonly #speed = find('#speed', HTMLElement);
  readonly #reconnect: () => void;
  #countdown: ReturnType<typeof setInterval> | undefined;
  #shown: { key: string; matter: Matter } | undefined;
  #confirmation: ReturnType<typeof setTimeout> | undefined;
  #wasLost = false;
  #toldOfSheet = false;

  constructor(reconnect: () => void) {
    this.#reconnect = reconnect;
    const settle = () => this.#settle();
    new IntersectionObserver(settle, { threshold: 1 }).observe(this.#place);
    new ResizeObserver(settle).observe(this.#place);
  }

  /** A problem by its title and detail, until it is over, dismissed or replaced; the same one twice is shown once. */
  problem({ title, detail }: Problem, matter: Matter): void {
    const alone = detail === undefined || detail === title;
    // Titles come with and without a full stop, and are followed by a sentence.
    const heading = alone || /[.!?…]$/.test(title) ? title : `${title}.`;
    const text = [make('strong', {}, heading), alone ? '' : ` ${detail}`];
    this.#tell(text, 'notice', matter);
  }

  /** Something to know of the picture, until one comes of which there is nothing to say. */
  note(text: string): void {
    this.#tell([text], 'notice note', 'picture');
  }

  /** Whether a reload would bring the whole sheet back. Told once that it would not: it may change with every undo. */
  sheetKept(whole: boolean): void {
    if (whole) this.over('sheet');
    else if (!this.#toldOfSheet) this.problem(LARGE_SHEET, 'sheet');
    this.#toldOfSheet ||= !whole;
  }

  /** This works again: nobody needs to read on that it did not. */
  over(matter: Matter): void {
    if (this.#shown?.matter === matter) this.#clear();
  }

  /** The user does something else: what came of the last action has been read, and the next one has its own. */
  goOn(): void {
    this.over('input');
    this.over('action');
  }

  /** To screen readers, and for a moment to everyone. */
  confirm(text: string): void {
    this.announce(text);
    document.querySelector('.toast')?.remove();
    const toast = make('div', { class: 'toast', 'aria-hidden': 'true' }, text);
    document.body.append(toast);
    clearTimeout(this.#confirmation);
    const reading = Math.max(CONFIRMATION_MS, 1_000 + text.length * LETTER_MS);
    this.#confirmation = setTimeout(() => toast.remove(), reading);
  }

  announce(text: string): void {
    this.#announcer.textContent = text;
  }

  speed(roundTripMs: number, picturesPerSecond: number | undefined): void {
    this.#speed.hidden = false;
    this.#speed.textContent = `${Math.round(roundTripMs)} ms`;
    if (picturesPerSecond !== undefined) {
      const rate = ` · ${picturesPerSecond.toFixed(picturesPerSecond < 10 ? 1 : 0)}/s`;
      this.#speed.append(make('span', { class: 'rate' }, rate));
    }
    this.#speed.title = 'Round trip of the last picture, pictures per second';
  }

  connection(status: StreamStatus, paused: boolean): void {
    clearInterval(this.#countdown);
    const state =
      status.state === 'open' || status.state === 'idle' ? (paused ? 'paused' : 'live') : status.state;
    this.#connection.dataset.state = state;
    if (status.state === 'waiting') {
      if (!this.#wasLost) this.announce('Connection lost. Trying again; your drawing is safe.');
      this.#wasLost = true;
      this.#speed.hidden = true;
      this.#count(performance.now() + status.retryInMs);
    } else if (status.state === 'connecting') {
      this.#text.textContent = this.#wasLost ? 'Offline, trying again…' : 'Connecting…';
    } else {
      if (this.#wasLost) this.announce('Connected again.');
      this.#wasLost = false;
      this.#text.textContent = paused ? 'Paused' : 'Live';
    }
  }

  #tell(text: readonly (Node | string)[], look: 'notice' | 'notice note', matter: Matter): void {
    const words = make('p', {}, ...text);
    const told = this.#shown?.key === words.textContent;
    this.#shown = { key: words.textContent, matter };
    if (told) return;
    const close = make(
      'button',
      { type: 'button', class: 'ghost square small', title: 'Dismiss' },
      icon('close'),
    );
    close.append(make('span', { class: 'visually-hidden' }, 'Dismiss'));
    close.addEventListener('click', () => {
      // A note would come again with every picture: it is remembered as told.
      if (look === 'notice note') this.#box.replaceChildren();
      else this.#clear();
    });
    this.#box.replaceChildren(make('div', { class: look }, words, close));
  }

  /** Over the picture; who has scrolled away from there, or has a small one, reads at the top of the window. */
  #settle(): void {
    const { top, bottom, width } = this.#place.getBoundingClientRect();
    this.#box.classList.toggle('afloat', top < 0 || bottom > innerHeight || width < NARROW);
  }

  #clear(): void {
    this.#shown = undefined;
    this.#box.replaceChildren();
  }

  #count(until: number): void {
    const again = make('button', { type: 'button', class: 'inline' }, 'Try now');
    again.addEventListener('click', () => this.#reconnect());
    const text = document.createTextNode('');
    const tell = () => {
      const seconds = Math.ceil((until - performance.now()) / 1000);
      text.data = seconds > 1 ? `Offline, trying again in ${seconds} s ` : 'Offline, trying again… ';
    };
    tell();
    this.#text.replaceChildren(text, ...(until - performance.now() > 2000 ? [again] : []));
    this.#countdown = setInterval(tell, 500);
  }
}
