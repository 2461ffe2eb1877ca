/** The frames of one stream: the newest wins, one is in flight and one waits, and equal ones are not run again. */
import { hash } from 'node:crypto';
import { Img2ImgError } from '../../errors.js';
import type { ResolvedSettings, Service } from '../../service.js';
import type { Translation } from '../../translation.js';
import type { ByteShare } from '../byte-budget.js';
import type { FrameId } from './messages.js';

export interface Frame {
  id: FrameId;
  image: Uint8Array;
  /** Those it came under, however long it waits: the client tells its pictures apart by what it had configured before. */
  settings: ResolvedSettings;
  /** What its bytes hold of the server's memory; given back when it has ended. */
  share: ByteShare;
}

/** Every frame ends in one of `made`, `dropped` and `failed`, unless the stream ends first. */
export interface FramesOptions {
  service: Pick<Service, 'translate'>;
  client: string;
  /** A client that does not read gets no more to read; the newest frame waits for it. */
  lagging(): boolean;
  /** @throws Img2ImgError `queue_full` where too many pictures wait to be read: this one waits for room */
  made(id: FrameId, translation: Translation): void;
  dropped(id: FrameId, reason: 'overtaken' | 'unchanged'): void;
  failed(id: FrameId, error: unknown): void;
  /** The one in flight has ended; the next is started after this. */
  settled(): void;
}

/** Frames of equal bytes under equal settings have equal keys, so that they are found without keeping the bytes. */
type Keyed = Frame & { key: string };

/** A full queue has room again whenever one picture is done, long before the backlog that Retry-After tells of is. */
const MAX_HOLD_MS = 500;

export class Frames {
  readonly #options: FramesOptions;
  #waiting: Keyed | undefined;
  #inFlight: { key: string; leave: AbortController } | undefined;
  /** Runs while the queue is full: the newest frame waits for room, so that the last one is never lost to it. */
  #held: NodeJS.Timeout | undefined;
  /** Key of the frame whose picture the client was sent last. */
  #shown: string | undefined;
  #finishing = false;
  #ended = false;

  constructor(options: FramesOptions) {
    this.#options = options;
  }

  /** Whether the client waits for a picture, and not only for the one in flight to make room. */
  get busy(): boolean {
    return this.#inFlight !== undefined || this.#held !== undefined;
  }

  /** Takes the newest frame; one that waits is overtaken by it. */
  push(frame: Frame): void {
    const key = `${hash('sha256', frame.image, 'base64')} ${JSON.stringify(frame.settings)}`;
    const latest = this.#waiting?.key ?? this.#inFlight?.key ?? this.#shown;
    if (latest === key) {
      this.#drop(frame, 'unchanged');
      return;
    }
    if (this.#waiting !== undefined) this.#drop(this.#waiting, 'overtaken');
    this.#waiting = { ...frame, key };
    this.startNext();
  }

  /** Starts the frame that waits, if nothing keeps it: to be called when the client has read on. */
  startNext(): void {
    const frame = this.#waiting;
    if (frame === undefined || this.#inFlight !== undefined || this.#held !== undefined) return;
    if (this.#ended || this.#options.lagging()) return;
    this.#waiting = undefined;
    if (frame.key === this.#shown) {
      this.#drop(frame, 'unchanged');
      return;
    }
    const leave = new AbortController();
    this.#inFlight = { key: frame.key, leave };
    void this.#translate(frame, leave.signal).finally(() => {
      this.#inFlight = undefined;
      if (this.#ended) return;
      this.#options.settled();
      this.startNext();
    });
  }

  /**
   * Fails the frame that waits; the one in flight is still answered.
   * @returns whether there is one in flight
   */
  finish(error: Img2ImgError): boolean {
    this.#finishing = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#fail(waiting, error);
    return this.#inFlight !== undefined;
  }

  /** The stream is over: nothing runs on for it, and nothing is told of it any more. */
  end(): void {
    clearTimeout(this.#held);
    this.#waiting?.share.giveBack();
    this.#waiting = undefined;
    this.#ended = true;
    this.#inFlight?.leave.abort();
  }

  async #translate(frame: Keyed, signal: AbortSignal): Promise<void> {
    const { service, client } = this.#options;
    const { id, image, settings, share } = frame;
    try {
      const translation = await service.translate({
        image,
        settings,
        n: 1,
        priority: 'interactive',
        client,
        signal,
      });
      await this.#deliver(id, translation, signal);
      this.#shown = frame.key;
      share.giveBack();
    } catch (error) {
      if (this.#ended) {
        share.giveBack();
        return;
      }
      this.#shown = undefined;
      if (isQueueFull(error) && !this.#finishing) this.#hold(frame, error);
      else this.#fail(frame, error);
    }
  }

  /** A picture that finds no room is kept until there is: made once more, it would cost the device a run each time. */
  async #deliver(id: FrameId, translation: Translation, signal: AbortSignal): Promise<void> {
    while (!this.#ended) {
      try {
        this.#options.made(id, translation);
        return;
      } catch (error) {
        if (!isQueueFull(error) || this.#finishing) throw error;
        await pause(holdMs(error), signal);
      }
    }
  }

  /** Keeps a frame that found the queue full, unless a newer one waits already, and tries again when told to. */
  #hold(frame: Keyed, full: Img2ImgError): void {
    if (this.#waiting === undefined) this.#waiting = frame;
    else this.#drop(frame, 'overtaken');
    this.#held = setTimeout(() => {
      this.#held = undefined;
      this.startNext();
    }, holdMs(full));
  }

  #drop(frame: Frame, reason: 'overtaken' | 'unchanged'): void {
    frame.share.giveBack();
    this.#options.dropped(frame.id, reason);
  }

  #fail(frame: Frame, error: unknown): void {
    frame.share.giveBack();
    this.#options.failed(frame.id, error);
  }
}

function isQueueFull(error: unknown): error is Img2ImgError {
  return error instanceof Img2ImgError && error.code === 'queue_full';
}

const holdMs = ({ retryAfterSeconds = 1 }: Img2ImgError) => Math.min(retryAfterSeconds * 1000, MAX_HOLD_MS);

/** Ends early when the signal fires. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}
