/** What comes back from the stream: pictures are shown, told of, and kept once they have come to rest; problems are told. */
import type { StreamError, StreamStatus } from '../client/index.js';
import type { HistoryStrip } from './panels/history.js';
import type { Notices } from './panels/notices.js';
import type { ResultView } from './panels/result.js';
import type { Words } from './panels/words.js';
import type { ReadyModel } from './session/catalogue.js';
import type { LiveEvents, Made } from './session/live.js';
import { inPlainWords } from './session/plain-warnings.js';
import { Refusals } from './session/refusals.js';
import { debounce } from './ui/dom.js';

interface Parts {
  result: ResultView;
  notices: Notices;
  words: Words;
  history: HistoryStrip;
  /** The one that is chosen; none where the server has none. */
  model(): ReadyModel | undefined;
  drawingNow(): boolean;
  /** Asks the server what it has now. @returns whether that is something else than before */
  renewCatalogue(): Promise<boolean>;
}

/** What the server has against a model that this page thinks it has. */
const STALE = new Set(['unknown_model', 'model_unavailable']);

/** A picture after which this long nothing changes is one to keep in the strip, and to tell screen readers of. */
const SETTLED_MS = 900;
/** A wait this long for the first picture of a model means that it is being loaded. */
const LOADING_MS = 1_500;

export class Arrivals implements LiveEvents {
  readonly #parts: Parts;
  readonly #refusals: Refusals;
  /** Models that have made a picture: they are loaded. */
  readonly #warm = new Set<string>();
  #status: StreamStatus = { state: 'connecting', attempt: 0 };
  /** The connection was gone since the catalogue was asked for. */
  #wasAway = false;
  #paused = false;
  #latest: Made | undefined;
  /** The server refused the last configuration: what still comes is made with the one before. */
  #refused = false;
  #loading: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#refusals = new Refusals((problem) => parts.notices.problem(problem, 'stream'));
  }

  made(made: Made): void {
    const { result, notices, words: prompt } = this.#parts;
    this.#warm.add(made.configuration.model ?? '');
    this.#endLoading();
    this.#latest = made;
    void result.show(made);
    notices.speed(made.roundTripMs, made.picturesPerSecond);
    const { words, sheet } = inPlainWords(made.warnings);
    prompt.note(words);
    if (!this.#refused) {
      if (sheet === '') notices.over('picture');
      else notices.note(sheet);
    }
    this.#settle();
  }

  configured(): void {
    if (this.#refused) this.#parts.notices.over('picture');
    this.#refused = false;
  }

  status(status: StreamStatus): void {
    const { notices } = this.#parts;
    this.#status = status;
    this.#refusals.status(status);
    if (status.state === 'open') {
      // The server may have been started again.
      if (this.#wasAway) void this.#parts.renewCatalogue();
      this.#wasAway = false;
      notices.over('action');
      notices.over('stream');
    }
    this.#wasAway ||= status.state === 'waiting' || status.state === 'idle';
    notices.connection(status, this.#paused);
  }

  error({ problem, frame, willRetry }: StreamError): void {
    const { result, notices, words, model, renewCatalogue } = this.#parts;
    if (frame === undefined) this.#refused = true;
    // What kept the stream from being configured was told already, and says more.
    if (problem.code === 'not_configured' || model() === undefined) return;
    if (problem.code === 'invalid_request' && words.tooLong) return;
    if (willRetry) result.setBadge(`${problem.title}, trying again…`);
    else if (STALE.has(problem.code ?? ''))
      void renewCatalogue().then((changed) => {
        if (!changed) notices.problem(problem, 'picture');
      });
    else notices.problem(problem, 'picture');
  }

  busy(busy: boolean): void {
    const { result, model } = this.#parts;
    result.setBusy(busy);
    if (!busy) {
      this.#endLoading();
    } else if (this.#loading === undefined) {
      this.#loading = setTimeout(() => {
        const chosen = model();
        const loaded = chosen === undefined || this.#warm.has(chosen.id);
        if (!loaded && this.#status.state === 'open') result.setBadge(`Loading ${chosen.title}…`);
      }, LOADING_MS);
    }
  }

  /** The stream rests, or goes on. */
  pause(paused: boolean): void {
    const { notices } = this.#parts;
    this.#paused = paused;
    this.#endLoading();
    notices.connection(this.#status, paused);
    notices.announce(paused ? 'Paused.' : 'Live again.');
  }

  readonly #settle = debounce(() => {
    const { result, history, notices, drawingNow } = this.#parts;
    const made = this.#latest;
    if (made === undefined || made !== result.shown || drawingNow()) return;
    history.add(made);
    notices.announce(`Picture ready after ${Math.round(made.roundTripMs)} milliseconds.`);
  }, SETTLED_MS);

  #endLoading(): void {
    clearTimeout(this.#loading);
    this.#loading = undefined;
    this.#parts.result.setBadge(this.#paused ? 'Paused' : undefined);
  }
}
