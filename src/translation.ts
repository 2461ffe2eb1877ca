/** What goes into a translation and what comes out: the contract between every way in and the translator. */
import type { Priority, StreamConfiguration } from './request.js';
import type { Warning } from './warnings.js';

/** One step for `n` variations of a picture; HTTP, stream and command line all end in this. */
export interface TranslationJob {
  /** The encoded image as it came: PNG, JPEG, WebP, AVIF or GIF. */
  image: Uint8Array;
  settings: StreamConfiguration;
  /** Variations: seeds seed, seed+1, … as one batch. */
  n: number;
  priority: Priority;
  /** Whom fairness counts this for: an address, a connection. */
  client: string;
  /** Fires when nobody waits any more. */
  signal?: AbortSignal;
  /**
   * Is waited for when the pictures are made, before their places in the queue go to others: for as long as the pictures
   * find no room on their way out, no more of them are made than places there are. The signal fires when the request is
   * given up: `signal` has fired or its deadline passed.
   */
  handOver?: (translation: Translation, givenUp: AbortSignal) => Promise<void>;
}

export type OutputFormat = 'png' | 'jpeg' | 'webp' | 'avif';

/** Milliseconds. `queue` is from hand-over to the scheduler to the start of its run on a device. */
export interface Timings {
  decode: number;
  queue: number;
  inference: number;
  encode: number;
  total: number;
}

export interface Translation {
  images: { data: Buffer; seed: number }[];
  format: OutputFormat;
  /** Pixels of every image. */
  width: number;
  height: number;
  model: string;
  direction: string;
  device: string;
  /** Samples in the batch this ran in, its own `n` included. */
  batchSize: number;
  timings: Timings;
  /** What to know of the result, for example that the prompt was truncated. */
  warnings: Warning[];
}

/** Thrown errors are `Img2ImgError`s. */
export interface Translates {
  translate(job: TranslationJob): Promise<Translation>;
}
