/** Pushed frames on their way out and until their answer: the newest one waits, and each ends in exactly one event. */
import type { Asked } from './configurations.js';
import type { Loss } from './connection.js';
import type { Events } from './events.js';
import { bytesOf } from './frame.js';
import { FramesInFlight, type PushedFrame, type SentFrame } from './frames-in-flight.js';
import { ResendLimit } from './resend-limit.js';
import type { DropReason, FrameSource, StreamEvents } from './types.js';

/** More bytes than this not yet on the wire: the network is slower than the pen, so newer frames had better wait here. */
const MAX_BUFFERED_BYTES = 262_144;
const BUFFER_CHECK_MS = 20;

interface Line {
  /** Stands for the socket that is open now; undefined while there is none. */
  readonly current: object | undefined;
  readonly bufferedAmount: number;
  send(data: ArrayBuffer | Uint8Array<ArrayBuffer>): void;
}

export interface SenderOptions {
  line: Line;
  throttleMs: number;
  maxUnanswered: number;
  events: Pick<Events<StreamEvents>, 'emit'>;
  /** What a frame that goes out now is sent under. */
  asked(): Asked;
}

export class Sender {
  readonly #options: SenderOptions;
  #frames = 0;
  /** The newest frame ever pushed, unless it was forgotten. */
  #newest: FrameSource | undefined;
  /** The last frame that was forgotten, and all before it. */
  #forgotten = 0;
  /** Pushed and not sent: at most one. */
  #waiting: PushedFrame | undefined;
  /** Its source was asked for its bytes and has not given them yet. */
  #preparing: PushedFrame | undefined;
  #pumpTimer: ReturnType<typeof setTimeout> | undefined;
  /** On the clock of `performance.now()`; in the future while the server has asked us to wait. */
  #lastSentAt = Number.NEGATIVE_INFINITY;
  readonly #unanswered = new FramesInFlight();
  readonly resendLimit = new ResendLimit();

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Whether there is a frame on its way, here or there. */
  get busy(): boolean {
    return this.#unsent !== undefined || this.#unanswered.size > 0;
  }

  /** Frames that owe an answer. */
  get unanswered(): Pick<FramesInFlight, 'size' | 'bytes'> {
    return this.#unanswered;
  }

  /** Numbers a frame without taking it: the stream is closed. */
  number(): number {
    this.#frames += 1;
    return this.#frames;
  }

  push(source: FrameSource): number {
    const frame = this.number();
    const overtaken = this.#waiting;
    this.#newest = source;
    this.#waiting = { frame, source };
    if (overtaken !== undefined) this.#drop([overtaken], 'overtaken');
    this.pump();
    return frame;
  }

  /** @returns the number of the frame that will show what was configured just now; undefined where there is none */
  repeat(): number | undefined {
    if (this.#newest === undefined) return undefined;
    // One that has not been sent will be sent under the new configuration.
    return this.#unsent === undefined ? this.push(this.#newest) : this.#unsent.frame;
  }

  forget(): void {
    this.#newest = undefined;
    this.#forgotten = this.#frames;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#drop([waiting], 'forgotten');
  }

  close(): void {
    clearTimeout(this.#pumpTimer);
    this.#newest = undefined;
    this.#waiting = undefined;
    this.#unanswered.lose();
  }

  /** Takes out the frame that the server answers. */
  answered(wireNumber: number | string): SentFrame | undefined {
    return this.#unanswered.answer(wireNumber);
  }

  /** Sends a frame again after a while, unless a newer one is on its way. @returns whether it will be */
  sendAgain(sent: SentFrame, seconds: number): boolean {
    const newer = this.#unsent !== undefined || this.#unanswered.hasNewerThan(sent.frame);
    if (newer || this.#isForgotten(sent)) return false;
    this.#waiting = sent;
    this.#lastSentAt = performance.now() + seconds * 1000 - this.#options.throttleMs;
    return true;
  }

  /**
   * The connection is gone. The newest frame without an answer is sent again on the next one; all others were overtaken
   * by it.
   * @returns whether there is something to send
   */
  lost(loss: Loss): boolean {
    const lost = this.#unanswered.lose();
    const newest = lost.pop();
    if (lost.length > 0) this.#drop(lost, 'overtaken');
    const problem = this.resendLimit.whyNotAgain(newest, loss);
    if (problem !== undefined) {
      this.#options.events.emit('error', { problem, frame: newest?.frame, willRetry: false });
    } else if (newest !== undefined) {
      if (this.#isForgotten(newest)) this.#drop([newest], 'forgotten');
      else if (this.#unsent !== undefined) this.#drop([newest], 'overtaken');
      else this.#waiting = loss.onPurpose ? newest : { ...newest, cutOff: loss.unsentBytes > 0 };
    }
    return this.#unsent !== undefined;
  }

  /** Sends the waiting frame as soon as the throttle, the network and the server allow. */
  pump(): void {
    const { line, throttleMs, maxUnanswered } = this.#options;
    const { current } = line;
    const taken = this.#waiting;
    if (current === undefined || taken === undefined || this.#preparing !== undefined) return;
    if (this.#unanswered.size >= maxUnanswered) return;
    const throttled = this.#lastSentAt + throttleMs - performance.now();
    const congested = line.bufferedAmount > MAX_BUFFERED_BYTES ? BUFFER_CHECK_MS : 0;
    const delay = Math.max(throttled, congested);
    if (delay > 0) {
      clearTimeout(this.#pumpTimer);
      this.#pumpTimer = setTimeout(() => this.pump(), delay);
      return;
    }
    this.#waiting = undefined;
    this.#preparing = taken;
    void bytesOf(taken.source).then(
      (bytes) => {
        this.#preparing = undefined;
        this.#prepared(taken, bytes, current);
        this.pump();
      },
      (cause: unknown) => {
        this.#preparing = undefined;
        const detail = cause instanceof Error ? cause.message : String(cause);
        const problem = { title: 'Frame could not be made', status: 0, detail };
        this.#options.events.emit('error', { problem, frame: taken.frame, willRetry: false });
        this.pump();
      },
    );
  }

  #prepared(taken: PushedFrame, bytes: ArrayBuffer | Uint8Array<ArrayBuffer>, line: object): void {
    if (this.#isForgotten(taken)) this.#drop([taken], 'forgotten');
    else if (this.#options.line.current === line) this.#send(taken, bytes);
    else if (this.#waiting === undefined) this.#waiting = taken;
    else this.#drop([taken], 'overtaken');
  }

  #send(taken: PushedFrame, bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): void {
    const { line, events, asked } = this.#options;
    const { byteLength } = bytes;
    const problem = this.resendLimit.whyNot(byteLength);
    if (problem !== undefined) {
      events.emit('error', { problem, frame: taken.frame, willRetry: false });
      return;
    }
    this.#lastSentAt = performance.now();
    this.#unanswered.add({ ...taken, bytes: byteLength, sentAt: this.#lastSentAt, asked: asked() });
    line.send(bytes);
    events.emit('sent', { frame: taken.frame });
  }

  /** The newest that has not been sent. */
  get #unsent(): PushedFrame | undefined {
    return this.#waiting ?? this.#preparing;
  }

  #isForgotten({ frame }: PushedFrame): boolean {
    return frame <= this.#forgotten;
  }

  #drop(frames: readonly PushedFrame[], reason: DropReason): void {
    this.#options.events.emit('dropped', { frames: frames.map(({ frame }) => frame), reason });
  }
}
