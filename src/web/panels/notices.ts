/** What the page has to say: problems, in a box until read; the connection, quietly at the top; all of it to screen readers. */
import type { Problem, StreamStatus } from '../../client/index.js';
import { find, icon, make } from '../ui/dom.js';

const CONFIRMATION_MS = 2_500;

export class Notices {
  readonly #box = find('#notices', HTMLElement);
  readonly #announcer = find('#announcer', HTMLElement);
  readonly #connection = find('#connection', HTMLElement);
  readonly #text = find('#connection-text', HTMLElement);
  readonly #speed = find('#speed', HTMLElement);
  readonly #reconnect: () => void;
  #countdown: ReturnType<typeof setInterval> | undefined;
  #shown: { key: string; lasting: boolean } | undefined;
  #confirmation: ReturnType<typeof setTimeout> | undefined;
  #wasLost = false;

  constructor(reconnect: () => void) {
    this.#reconnect = reconnect;
  }

  /**
   * A problem by its title and detail; the same one twice is shown once. One of the stream is over as soon as a
   * picture comes; any other (`lasting`) stays until it is dismissed, or replaced.
   */
  problem(problem: Problem, lasting: 'lasting' | 'passing' = 'lasting'): void {
    const { title, detail } = problem;
    const key = `${title}\n${detail ?? ''}`;
    if (this.#shown?.key === key) return;
    this.#shown = { key, lasting: lasting === 'lasting' };
    const close = make(
      'button',
      { type: 'button', class: 'ghost square small', title: 'Dismiss' },
      icon('close'),
    );
    close.append(make('span', { class: 'visually-hidden' }, 'Dismiss'));
    close.addEventListener('click', () => this.#clear());
    const text = make(
      'p',
      {},
      make('strong', {}, title),
      detail === undefined || detail === title ? '' : ` ${detail}`,
    );
    this.#box.replaceChildren(make('div', { class: 'notice' }, text, close));
  }

  /** Things work again: nobody needs to read on what did not. */
  clearPassing(): void {
    if (this.#shown?.lasting === false) this.#clear();
  }

  /** To screen readers, and for a moment to everyone. */
  confirm(text: string): void {
    this.announce(text);
    document.querySelector('.toast')?.remove();
    const toast = make('div', { class: 'toast', 'aria-hidden': 'true' }, text);
    document.body.append(toast);
    clearTimeout(this.#confirmation);
    this.#confirmation = setTimeout(() => toast.remove(), CONFIRMATION_MS);
  }

  announce(text: string): void {
    this.#announcer.textContent = text;
  }

  speed(roundTripMs: number, picturesPerSecond: number | undefined): void {
    const rate =
      picturesPerSecond === undefined
        ? ''
        : ` · ${picturesPerSecond.toFixed(picturesPerSecond < 10 ? 1 : 0)}/s`;
    this.#speed.hidden = false;
    this.#speed.textContent = `${Math.round(roundTripMs)} ms${rate}`;
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
