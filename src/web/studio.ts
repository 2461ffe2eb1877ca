/** The page as a whole: what the sheet and the settings say goes into the stream, what comes back is shown. */
import { Arrivals } from './arrivals.js';
import { type Drawing, isEmpty, type Operation } from './drawing/document.js';
import { exampleFor, examplePicture, strokeOf } from './drawing/examples.js';
import type { Pad } from './drawing/pad.js';
import { HistoryStrip } from './panels/history.js';
import type { Invitation } from './panels/invitation.js';
import { Knobs } from './panels/knobs.js';
import type { Notices } from './panels/notices.js';
import type { ResultView } from './panels/result.js';
import { Seed } from './panels/seed.js';
import { Sources } from './panels/sources.js';
import { Takeaway } from './panels/takeaway.js';
import type { Tools } from './panels/tools.js';
import { Variations } from './panels/variations.js';
import { Words } from './panels/words.js';
import { problemOf, serverUrl } from './session/api.js';
import type { ReadyModel } from './session/catalogue.js';
import type { CurrentCatalogue } from './session/current-catalogue.js';
import type { Earlier } from './session/earlier.js';
import { firstSettings, settingsHere, stillHere } from './session/first-settings.js';
import { hashOf } from './session/link.js';
import { Live } from './session/live.js';
import {
  configurationOf,
  exampleOf,
  modelOf,
  readyModels,
  type Settings,
  SettingsStore,
} from './session/settings.js';
import { startShortcuts } from './shortcuts.js';
import { debounce, find, reducedMotion } from './ui/dom.js';

interface Parts {
  drawing: Drawing;
  pad: Pad;
  tools: Tools;
  invitation: Invitation;
  result: ResultView;
  notices: Notices;
  catalogue: CurrentCatalogue;
}

/** While a hand is on a slider or the keys: often enough to follow, not for every letter. */
const TYPING_MS = 150;

export class Studio {
  readonly #parts: Parts;
  readonly #store: SettingsStore;
  readonly #live: Live;
  readonly #arrivals: Arrivals;
  readonly #sources: Sources;
  readonly #pauseButton = find('#pause', HTMLButtonElement);
  /** The earlier picture that was chosen last. */
  #wanted: Earlier | undefined;
  #configureTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { catalogue, drawing, pad, notices, result } = parts;
    this.#store = new SettingsStore(this.#linked());
    new Knobs(catalogue, this.#store);
    const seed = new Seed(catalogue, this.#store, notices);
    this.#sources = new Sources(drawing, notices, () => this.#model?.conditioning.kind ?? 'image');
    const variations = new Variations(catalogue, this.#store, notices, () => this.#image());
    new Takeaway(catalogue, this.#store, notices, { image: () => this.#image(), shown: () => result.shown });
    this.#arrivals = new Arrivals({
      result,
      notices,
      words: new Words(catalogue, this.#store),
      history: new HistoryStrip(notices, (earlier, drawing) => void this.#restore(earlier, drawing)),
      model: () => this.#model,
      drawingNow: () => pad.drawingNow,
      renewCatalogue: () => catalogue.renew(),
    });
    this.#live = new Live(serverUrl(), pad, this.#store.current, this.#configuration(), this.#arrivals);

    catalogue.onChange(() => this.#offerChanged());
    this.#store.onChange((_, kind) => this.#settingsChanged(kind === 'typing' ? TYPING_MS : 0));
    pad.onPaint = () => this.#painted();
    const goOn = () => {
      variations.close();
      notices.goOn();
    };
    pad.onStrokeStart = goOn;
    this.#store.onChange(goOn);
    drawing.onChange(goOn);
    drawing.onChange(() => this.#sheetChanged());
    this.#pauseButton.addEventListener('click', () => this.#togglePause());
    addEventListener('online', () => this.#live.reconnect());
    // Of what was out of sight, or has come back from the browser's cache, the connection may have died in its sleep.
    addEventListener('pageshow', () => this.#live.check());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#live.check();
    });
    // Whatever the link does not say is at its default, as in a page that opens with it.
    addEventListener('hashchange', () => this.#store.change(this.#linked()));
    startShortcuts(parts.tools, {
      rollSeed: () => seed.roll(),
      togglePause: () => this.#togglePause(),
    });
    this.#tellWhetherUsable();
    this.#sheetChanged();
    this.#painted();
    history.replaceState(null, '', hashOf(this.#store.current));
    document.documentElement.dataset.ready = '';
  }

  reconnect(): void {
    this.#live.reconnect();
  }

  /** What the address says; of what cannot be had here, the page says so. */
  #linked(): Settings {
    const { catalogue, notices } = this.#parts;
    const { settings, leftOut } = firstSettings(catalogue, location.hash);
    if (leftOut.length > 0) notices.confirm(`Of this link, not known or usable here: ${leftOut.join(', ')}.`);
    return settings;
  }

  /** What was set stays, and what was drawn: a server that starts again must not take it along. */
  #offerChanged(): void {
    const { catalogue, notices } = this.#parts;
    const { settings, gone } = stillHere(catalogue, this.#store.current);
    this.#tellWhetherUsable();
    this.#store.change(settings);
    if (gone.length > 0)
      notices.confirm(`The server has other models now; not there any more: ${gone.join(', ')}.`);
  }

  #tellWhetherUsable(): void {
    const { catalogue, notices } = this.#parts;
    const detail = 'Put a bundle into the server’s models folder, then start the server again.';
    if (readyModels(catalogue).length > 0) notices.over('page');
    else notices.problem({ title: 'There is no model to draw with.', status: 0, detail }, 'page');
  }

  get #model(): ReadyModel | undefined {
    return modelOf(this.#parts.catalogue, this.#store.current);
  }

  #configuration() {
    // JPEG is the quickest to encode and decode; what is saved is made again as PNG.
    return {
      ...configurationOf(this.#parts.catalogue, this.#store.current),
      format: 'jpeg' as const,
      quality: 92,
    };
  }

  /** @returns undefined while there is nothing on the sheet */
  #image(): Promise<Blob> | undefined {
    return isEmpty(this.#parts.pad.operations) ? undefined : this.#parts.pad.encode();
  }

  /** The sheet was painted anew: a stroke has grown, or something was undone. */
  #painted(): void {
    const { pad, invitation, result } = this.#parts;
    const empty = isEmpty(pad.operations);
    invitation.show(empty && !pad.drawingNow);
    if (empty) {
      this.#live.forget();
      result.clear();
    } else {
      this.#live.push();
    }
  }

  #sheetChanged(): void {
    const { drawing, invitation, result } = this.#parts;
    const kind = this.#model?.conditioning.kind ?? 'sketch';
    invitation.suit(kind, drawing.tone);
    result.offerCompare(kind === 'image' || (kind === 'edge' && drawing.hasPicture));
  }

  #settingsChanged(delay: number): void {
    this.#sheetChanged();
    this.#keepLink();
    if (delay === 0) {
      clearTimeout(this.#configureTimer);
      this.#configureTimer = undefined;
      this.#configure();
    } else {
      this.#configureTimer ??= setTimeout(() => {
        this.#configureTimer = undefined;
        this.#configure();
      }, delay);
    }
  }

  #configure(): void {
    this.#live.configure(this.#store.current, this.#configuration());
  }

  readonly #keepLink = debounce(() => history.replaceState(null, '', hashOf(this.#store.current)), 300);

  #togglePause(): void {
    this.#parts.notices.goOn();
    if (this.#live.paused) this.#live.resume();
    else this.#live.pause();
    const { paused } = this.#live;
    if (!paused) this.#painted();
    this.#pauseButton.setAttribute('aria-pressed', String(paused));
    find('use', SVGUseElement, this.#pauseButton).setAttribute('href', paused ? '#i-play' : '#i-pause');
    find('.label', HTMLElement, this.#pauseButton).textContent = paused ? 'Paused' : 'Pause';
    this.#arrivals.pause(paused);
  }

  startExample(): void {
    if (this.#model?.conditioning.kind !== 'image') {
      this.#drawExample();
      return;
    }
    const direction = this.#store.current.direction ?? this.#model.directions[0]?.id;
    this.#sources
      .take(examplePicture(direction))
      .catch((error: unknown) => this.#parts.notices.problem(problemOf(error), 'action'));
  }

  #drawExample(): void {
    const { pad } = this.#parts;
    const wanted = exampleOf(this.#model);
    const { prompt, paths } = exampleFor(this.#store.current.prompt || wanted);
    if (this.#store.current.prompt === '') this.#store.change({ prompt: wanted ?? prompt });
    pad.focus();
    pad.play(
      paths.map((path) => strokeOf(path, pad.brush.width)),
      reducedMotion(),
    );
  }

  async #restore(earlier: Earlier, coming: Promise<readonly Operation[] | undefined>): Promise<void> {
    const { pad, drawing, catalogue, notices } = this.#parts;
    this.#wanted = earlier;
    const back = await coming;
    // Another one was chosen while this one was read.
    if (this.#wanted !== earlier) return;
    if (back === undefined) {
      notices.confirm('Only its settings came back: its drawing made room for newer ones.');
    } else {
      pad.finishStroke();
      drawing.bringBack(back);
    }
    this.#store.change(settingsHere(catalogue, earlier.settings, this.#store.current));
  }
}
