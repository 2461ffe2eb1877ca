/** What goes into a stream and what comes out of it. */
import type { Backoff } from './backoff.js';
import type {
  DroppedMessage,
  ImageFormat,
  Problem,
  ReadyMessage,
  StreamConfiguration,
  Timings,
  Warning,
} from './protocol.js';
import type { SocketConstructor } from './socket.js';

/** An encoded image: PNG, JPEG, WebP, AVIF or GIF. */
export type Frame = Blob | ArrayBuffer | Uint8Array;

/** A frame, or how to make it: asked only when it can be sent, so that nothing is encoded in vain. */
export type FrameSource = Frame | (() => Frame | Promise<Frame>);

export interface StreamOptions {
  /** What frames are translated with; `configure` changes it. */
  configuration?: StreamConfiguration;
  /** Shortest time between two frames sent, in milliseconds; frames between are overtaken. Default 33. */
  throttleMs?: number;
  /**
   * Frames sent and not yet answered. The server runs one, keeps the newest waiting and answers the others as
   * overtaken at once, so a third in flight costs no freshness and hides the way there. Default 3.
   */
  maxUnanswered?: number;
  /** Default: first after 250 ms, at most 8 s apart. */
  backoff?: Partial<Backoff>;
  /**
   * A connection that owes an answer and says nothing for this long is given up, although it was asked for a word in the
   * middle; a slow server answers that. Default 20 s; more where large frames or pictures are on their way.
   */
  silenceMs?: number;
  /** Closes the stream when it fires. */
  signal?: AbortSignal;
  /** Where the platform has none (Node 20): `import { WebSocket } from 'ws'`. */
  WebSocket?: SocketConstructor;
}

export interface StreamResult {
  /** What `push` gave back for this frame. */
  frame: number;
  /** The encoded picture. */
  image: Uint8Array<ArrayBuffer>;
  /** For example `image/png`. */
  mediaType: `image/${ImageFormat}`;
  model: string;
  seed: number;
  /** Pixels. */
  width: number;
  height: number;
  batchSize: number;
  timings: Timings;
  /** What to know of the picture, for example that the prompt was truncated. */
  warnings: readonly Warning[];
  /** Milliseconds from sending the frame to its picture. */
  roundTripMs: number;
  /** What the frame was translated with: the newest before it that the server did not refuse. */
  configuration: StreamConfiguration;
}

export type StreamStatus =
  | { state: 'connecting'; attempt: number }
  | { state: 'open' }
  /** The connection was lost or refused; the next attempt comes in `retryInMs`. */
  | { state: 'waiting'; attempt: number; retryInMs: number }
  /** The server ended a stream nobody used; the next `push` or `configure` opens it again. */
  | { state: 'idle' }
  | { state: 'closed' };

export interface StreamError {
  problem: Problem;
  /** The frame that failed, or nothing where the configuration or the stream is at fault. */
  frame: number | undefined;
  /** The client tries this frame again by itself. */
  willRetry: boolean;
}

/** `forgotten`: by `forget()`, before it was answered. */
export type DropReason = DroppedMessage['reason'] | 'forgotten';

export interface StreamEvents {
  status: StreamStatus;
  /** The server took the configuration; all that the model takes is filled in. */
  ready: Omit<ReadyMessage, 'type'>;
  /** A frame is on its way. */
  sent: { frame: number };
  result: StreamResult;
  dropped: { frames: number[]; reason: DropReason };
  error: StreamError;
}
