/** The drawing on its way through the stream: what is pushed, what comes back, and how fast. */
import {
  connect,
  type Img2ImgStream,
  type StreamConfiguration,
  type StreamError,
  type StreamResult,
  type StreamStatus,
  type Warning,
} from '../../client/index.js';
import type { Operation } from '../drawing/document.js';
import type { Settings } from './settings.js';

/** A picture and everything that made it. */
export interface Made {
  picture: Blob;
  /** The frame that was sent. */
  input: Blob;
  operations: readonly Operation[];
  settings: Settings;
  configuration: StreamConfiguration;
  width: number;
  height: number;
  seed: number;
  roundTripMs: number;
  /** Over the last few seconds; undefined for a single picture. */
  picturesPerSecond: number | undefined;
  warnings: readonly Warning[];
}

interface Source {
  readonly operations: readonly Operation[];
  encodeFrame(): Promise<Blob>;
}

interface Snapshot {
  input: Blob;
  operations: readonly Operation[];
}

export interface LiveEvents {
  made(made: Made): void;
  status(status: StreamStatus): void;
  error(error: StreamError): void;
  /** The server took the last configuration. */
  configured(): void;
  /** Whether a frame is on its way or waits for its turn. */
  busy(busy: boolean): void;
}

/** Pictures further apart than this are not a series. */
const SERIES_MS = 1_500;
const RATE_WINDOW_MS = 3_000;

export class Live {
  readonly #stream: Img2ImgStream;
  readonly #source: Source;
  readonly #events: LiveEvents;
  /** Of frames that were sent and are not answered. */
  readonly #snapshots = new Map<number, Snapshot>();
  readonly #arrivals: number[] = [];
  /** What the source gave last; `sent` tells which frame it became. */
  #encoded: Snapshot | undefined;
  /** The server's last picture, shown or not. */
  #last: Made | undefined;
  #configuration: StreamConfiguration;
  /** What each configuration was made of: the server may refuse one, and go on with the one before. */
  readonly #settings = new WeakMap<StreamConfiguration, Settings>();
  #paused = false;
  /** Pictures of frames before this one belong to a drawing that is gone. */
  #ignoreBefore = 0;
  #newest = 0;
  /** Frames that may still get a picture. */
  readonly #expected = new Set<number>();

  constructor(
    server: URL,
    source: Source,
    settings: Settings,
    configuration: StreamConfiguration,
    events: LiveEvents,
  ) {
    this.#source = source;
    this.#configuration = configuration;
    this.#settings.set(configuration, settings);
    this.#events = events;
    this.#stream = connect(server, { configuration });
    this.#stream.on('status', (status) => events.status(status));
    this.#stream.on('ready', () => events.configured());
    this.#stream.on('sent', ({ frame }) => {
      if (this.#encoded !== undefined) this.#snapshots.set(frame, this.#encoded);
    });
    this.#stream.on('dropped', ({ frames, reason }) => {
      if (reason === 'unchanged') this.#unchanged(frames);
      this.#end(frames);
    });
    this.#stream.on('error', (error) => {
      if (!error.willRetry && error.frame !== undefined) this.#end([error.frame]);
      events.error(error);
    });
    this.#stream.on('result', (result) => {
      const snapshot = this.#snapshots.get(result.frame);
      const settings = this.#settings.get(result.configuration);
      if (snapshot !== undefined && settings !== undefined)
        this.#last = this.#madeOf(result, snapshot, settings);
      if (this.#last !== undefined && result.frame >= this.#ignoreBefore) events.made(this.#last);
      // Frames are answered in order: whatever is older will have no picture any more.
      this.#end([...this.#expected, ...this.#snapshots.keys()].filter((frame) => frame <= result.frame));
    });
    events.status(this.#stream.status);
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** The drawing looks different now. */
  push(): void {
    if (this.#paused) return;
    const frame = this.#stream.push(async () => {
      const { operations } = this.#source;
      const input = await this.#source.encodeFrame();
      this.#encoded = { input, operations };
      return input;
    });
    this.#expect(frame);
  }

  /** There is nothing to translate any more; what is on its way is not shown. */
  forget(): void {
    this.#stream.forget();
    this.#ignoreBefore = this.#newest + 1;
    this.#expected.clear();
    this.#events.busy(false);
  }

  configure(settings: Settings, configuration: StreamConfiguration): void {
    const isSame = JSON.stringify(configuration) === JSON.stringify(this.#configuration);
    if (!isSame) this.#configuration = configuration;
    this.#settings.set(this.#configuration, settings);
    if (isSame) return;
    if (!this.#paused) this.#expect(this.#stream.configure(configuration));
  }

  pause(): void {
    this.#paused = true;
    this.#stream.forget();
    this.#expected.clear();
    this.#events.busy(false);
  }

  resume(): void {
    this.#paused = false;
    this.#expect(this.#stream.configure(this.#configuration));
  }

  reconnect(): void {
    this.#stream.reconnect();
  }

  check(): void {
    this.#stream.check();
  }

  #madeOf(result: StreamResult, snapshot: Snapshot, settings: Settings): Made {
    return {
      ...snapshot,
      settings,
      picture: new Blob([result.image], { type: result.mediaType }),
      configuration: result.configuration,
      width: result.width,
      height: result.height,
      seed: result.seed,
      roundTripMs: result.roundTripMs,
      picturesPerSecond: this.#rate(performance.now()),
      warnings: result.warnings,
    };
  }

  /**
   * The server has these frames' picture sent already, or is making it: what was on its way, or shown, before the
   * sheet was cleared or the stream paused is wanted again.
   */
  #unchanged(frames: readonly number[]): void {
    const running = [...this.#snapshots.keys()].find((frame) => !frames.includes(frame));
    this.#ignoreBefore = 0;
    if (running !== undefined) this.#expect(running);
    else if (this.#last !== undefined) this.#events.made(this.#last);
  }

  #expect(frame: number | undefined): void {
    if (frame === undefined) return;
    this.#newest = Math.max(this.#newest, frame);
    this.#expected.add(frame);
    this.#events.busy(true);
  }

  #end(frames: readonly number[]): void {
    for (const frame of frames) {
      this.#expected.delete(frame);
      this.#snapshots.delete(frame);
    }
    if (this.#expected.size === 0) this.#events.busy(false);
  }

  #rate(now: number): number | undefined {
    const last = this.#arrivals.at(-1);
    if (last !== undefined && now - last > SERIES_MS) this.#arrivals.length = 0;
    this.#arrivals.push(now);
    while ((this.#arrivals[0] ?? now) < now - RATE_WINDOW_MS) this.#arrivals.shift();
    const first = this.#arrivals[0] ?? now;
    return this.#arrivals.length < 3 ? undefined : ((this.#arrivals.length - 1) * 1000) / (now - first);
  }
}
