/** The stream client: push frames as fast as they come, get the newest picture, and never mind the connection. */
import { Configurations, inForce } from './configurations.js';
import { Connection, type Loss } from './connection.js';
import { Events } from './events.js';
import { NewestResults } from './newest-results.js';
import type { ErrorMessage, ResultMessage, ServerMessage, StreamConfiguration } from './protocol.js';
import { Sender } from './sender.js';
import { platformSocket, streamUrl } from './socket.js';
import type { FrameSource, StreamEvents, StreamOptions, StreamResult, StreamStatus } from './types.js';

const MAX_RETRY_SECONDS = 30;

/**
 * Opens a stream. It connects at once, and again after every loss until it is closed.
 * @param server the server's address, for example `http://127.0.0.1:8080`
 * @throws TypeError where that is no URL, Error where the platform has no WebSocket and none was given
 */
export function connect(server: string | URL, options: StreamOptions = {}): Img2ImgStream {
  return new Img2ImgStream(streamUrl(server), options);
}

/**
 * Every frame pushed ends in one event: its `result`, `dropped`, or an `error` that is not retried; unless the stream is
 * closed first. Iterating gives the newest result each time, first the one that came before where no iteration has given
 * it; a slow reader skips what newer ones have overtaken. Where the server is not there, an iteration waits for it, and
 * `status` tells; where it refuses the only configuration there is, the iteration throws a `ConfigurationRefused`, and
 * after the next `configure` another one may begin.
 */
export class Img2ImgStream implements AsyncIterable<StreamResult> {
  readonly #connection: Connection;
  readonly #configurations: Configurations;
  readonly #sender: Sender;
  readonly #events = new Events<StreamEvents>();
  readonly #newestResults = new NewestResults(this, () => this.#configurations.refusal);
  readonly #signal: AbortSignal | undefined;
  /** The text message whose picture is the next binary one. */
  #announced: ResultMessage | undefined;

  constructor(url: string, options: StreamOptions) {
    this.#signal = options.signal;
    this.#configurations = new Configurations(options.configuration ?? {});
    this.#connection = new Connection({
      url,
      Socket: options.WebSocket ?? platformSocket(),
      backoff: { firstMs: 250, maxMs: 8_000, ...options.backoff },
      silenceMs: options.silenceMs,
      status: (status) => this.#events.emit('status', status),
      opened: () => this.#onOpened(),
      message: (data) => this.#onMessage(data),
      ask: () => this.#ask(),
      lost: (loss) => this.#onLost(loss),
    });
    this.#sender = new Sender({
      line: this.#connection,
      throttleMs: options.throttleMs ?? 33,
      maxUnanswered: options.maxUnanswered ?? 3,
      events: this.#events,
      asked: () => this.#configurations.latest,
    });
    this.#events.on('sent', () => this.#watch());
    if (options.signal?.aborted) {
      this.#connection.close();
      return;
    }
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#connection.open();
  }

  get status(): StreamStatus {
    return this.#connection.status;
  }

  /** What was asked for last and not refused; what was refused where the server has taken none. */
  get configuration(): StreamConfiguration {
    return this.#configurations.current;
  }

  /**
   * Calls `listener` on every such event until the function given back is called. What it throws does not stop the stream,
   * and is thrown where nobody catches it, to be seen: in the browser's console, or by ending a Node process.
   */
  on<Name extends keyof StreamEvents>(name: Name, listener: (event: StreamEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Replaces the whole configuration, and translates the newest frame again with it. Where the server refuses it (an
   * `error` without a frame says why), the one before stays in force.
   * @param configuration not to be changed afterwards: results give it back
   * @returns the number of the frame whose result will show it; undefined where none was pushed yet
   */
  configure(configuration: StreamConfiguration): number | undefined {
    this.#configurations.ask(configuration);
    this.#connection.wake();
    if (this.#connection.current !== undefined) this.#tell(this.#configurations.sent());
    return this.status.state === 'closed' ? undefined : this.#sender.repeat();
  }

  /**
   * Hands over the newest frame. One that waits here already is overtaken by it. Once the stream is closed, the frame is
   * numbered, and nothing comes of it.
   * @returns the frame's number, which its result carries
   */
  push(source: FrameSource): number {
    if (this.status.state === 'closed') return this.#sender.number();
    this.#connection.wake();
    return this.#sender.push(source);
  }

  /** Forgets the newest frame: neither `configure` nor a new connection translates it again. */
  forget(): void {
    this.#sender.forget();
  }

  /** The network is back: tries at once instead of at the end of a wait, and anew where an answer is owed. */
  reconnect(): void {
    this.#connection.reconnect();
  }

  /**
   * Makes sure of the connection: a page is shown again, or a computer awake. Tries at once instead of at the end of a
   * wait; where the connection seems open, the server must answer within seconds. Frames on their way are not disturbed.
   */
  check(): void {
    this.#connection.check();
  }

  /** Ends the stream and every iteration over it. */
  close(): void {
    if (this.status.state === 'closed') return;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#sender.close();
    this.#connection.close();
  }

  [Symbol.asyncIterator](): AsyncGenerator<StreamResult, void, undefined> {
    return this.#newestResults.iterate();
  }

  readonly #onAbort = () => this.close();

  #onOpened(): void {
    for (const configuration of this.#configurations.renewed()) this.#tell(configuration);
    this.#sender.pump();
  }

  #onLost(loss: Loss): boolean {
    this.#announced = undefined;
    return this.#sender.lost(loss);
  }

  #tell(configuration: StreamConfiguration): void {
    this.#connection.send(JSON.stringify({ type: 'configure', ...configuration }));
  }

  #onMessage(data: unknown): void {
    if (typeof data === 'string') {
      this.#onText(JSON.parse(data) as ServerMessage);
    } else if (data instanceof ArrayBuffer && this.#announced !== undefined) {
      const message = this.#announced;
      this.#announced = undefined;
      this.#onPicture(message, data);
    }
    this.#watch();
    this.#sender.pump();
  }

  #watch(): void {
    const { size, bytes } = this.#sender.unanswered;
    this.#connection.owes(size > 0 ? { bytes, pictureComing: this.#announced !== undefined } : undefined);
  }

  #ask(): boolean {
    if (this.#configurations.awaited) return true;
    const again = this.#configurations.again();
    if (again !== undefined) this.#tell(again);
    return again !== undefined;
  }

  #onText(message: ServerMessage): void {
    // That it takes a configuration says little where frames lose the connection: those end the back-off by their answer.
    if (message.type !== 'ready' || !this.#sender.busy) this.#connection.works();
    if (message.type === 'ready') {
      const { type: _, ...ready } = message;
      if (this.#configurations.accepted(message.seed)) this.#events.emit('ready', ready);
    } else if (message.type === 'result') {
      this.#announced = message;
    } else if (message.type === 'dropped') {
      const frames = message.frames.flatMap((frame) => this.#sender.answered(frame)?.frame ?? []);
      if (frames.length > 0) this.#events.emit('dropped', { frames, reason: message.reason });
    } else if (message.type === 'error') {
      this.#onError(message);
    }
  }

  #onPicture(message: ResultMessage, data: ArrayBuffer): void {
    const sent = this.#sender.answered(message.frame);
    if (sent === undefined) return;
    this.#events.emit('result', {
      frame: sent.frame,
      image: new Uint8Array(data),
      mediaType: `image/${message.format}`,
      model: message.model,
      seed: message.seed,
      width: message.width,
      height: message.height,
      batchSize: message.batch_size,
      timings: message.timings,
      warnings: message.warnings ?? [],
      roundTripMs: performance.now() - sent.sentAt,
      configuration: (inForce(sent.asked) ?? sent.asked).configuration,
    });
  }

  /** A frame that met a problem which passes, and that nothing newer has overtaken, gets another chance. */
  #onError({ problem, frame }: ErrorMessage): void {
    // Which frame was too large is told when the connection closes, as it does now.
    if (this.#sender.resendLimit.tells(problem)) return;
    if (frame === undefined) {
      if (this.#configurations.refused(problem))
        this.#events.emit('error', { problem, frame: undefined, willRetry: false });
      return;
    }
    const sent = this.#sender.answered(frame);
    if (sent === undefined) return;
    // The server says when to come back for all that passes, and for nothing else.
    const { retry_after_seconds: seconds } = problem;
    const willRetry =
      typeof seconds === 'number' && this.#sender.sendAgain(sent, Math.min(seconds, MAX_RETRY_SECONDS));
    this.#events.emit('error', { problem, frame: sent.frame, willRetry });
  }
}
