/** The messages of `GET /v1/stream`, as types without any dependency: what the client sends and what the server answers. */

/** Settings of every frame that follows; `configure` replaces them all. Mirrors `streamConfigurationObject` in `../request.ts`. */
export interface StreamConfiguration {
  /** Bundle id, see `GET /v1/models`; default: the server's default. */
  model?: string | undefined;
  prompt?: string | undefined;
  /** Style id, see `GET /v1/styles`; its template goes around the prompt. */
  style?: string | undefined;
  direction?: string | undefined;
  /** int32; chosen once per `configure` if absent. */
  seed?: number | undefined;
  /** Sketch guidance of stochastic models, 0–1. */
  gamma?: number | undefined;
  /** Canny thresholds of edge models. */
  low_threshold?: number | undefined;
  high_threshold?: number | undefined;
  /** Whether a sketch has light strokes on dark; `auto` looks at the picture. */
  invert?: 'auto' | 'true' | 'false' | undefined;
  fit?: 'cover' | 'contain' | 'fill' | 'none' | undefined;
  /** `WIDTHxHEIGHT` in pixels. */
  size?: string | undefined;
  restore_size?: boolean | undefined;
  format?: ImageFormat | undefined;
  /** 1–100, of jpeg, webp and avif. */
  quality?: number | undefined;
  /** Deadline of each frame in milliseconds. */
  timeout_ms?: number | undefined;
}

export type ImageFormat = 'png' | 'jpeg' | 'webp' | 'avif';

/** Milliseconds a frame spent in each part of the server. */
export interface Timings {
  decode: number;
  queue: number;
  inference: number;
  encode: number;
  total: number;
}

/** The picture is not quite what was asked for. */
export interface Warning {
  /** `prompt_truncated`, `no_strokes`, `no_edges`; newer servers may have more. */
  code: string;
  /** A sentence. */
  detail: string;
}

/** An RFC 9457 problem document. */
export interface Problem {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  code?: string;
  [member: string]: unknown;
}

export type ConfigureMessage = { type: 'configure' } & StreamConfiguration;

/** The configuration as the server understood it, with everything filled in that the model takes. */
export type ReadyMessage = { type: 'ready'; model: string; seed: number } & Omit<
  StreamConfiguration,
  'model' | 'seed'
>;

/** Announces the picture in the binary message that follows it. */
export interface ResultMessage {
  type: 'result';
  frame: number | string;
  model: string;
  seed: number;
  format: ImageFormat;
  width: number;
  height: number;
  batch_size: number;
  timings: Timings;
  warnings?: Warning[] | undefined;
}

/** Frames that get no picture: newer ones overtook them, or the last picture is theirs already. */
export interface DroppedMessage {
  type: 'dropped';
  frames: (number | string)[];
  reason: 'overtaken' | 'unchanged';
}

export interface ErrorMessage {
  type: 'error';
  problem: Problem;
  /** The frame that failed; absent where the fault is not a frame's. */
  frame?: number | string | undefined;
}

export type ServerMessage = ReadyMessage | ResultMessage | DroppedMessage | ErrorMessage;
