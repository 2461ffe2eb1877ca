/** Finds out that a connection is dead though it never says so: its other end is gone, or the line between. */

/**
 * Longest silence of a connection that owes an answer. Silence alone tells nothing: a picture may take minutes (a large
 * model is loaded, then runs for half a minute on a CPU), and of the server's pings sockets show nothing. But the server
 * answers a configuration at once, whatever its devices do. So after half of this time it is sent the one in force once
 * more, and only where not even that is answered in the other half, the connection is given up.
 */
const SILENCE_MS = 20_000;
/** The same for one that is only checked. */
const CHECK_MS = 5_000;
/** How much longer where there is reason to: at most 100 s. */
const MOST_PATIENCE = 5;
/** Bytes a millisecond of a slow line (256 kbit/s): nothing is answered before what was sent is through. */
const SLOW_LINE = 32;

export interface Owed {
  /** Of frames that are on their way. */
  bytes: number;
  /** Whether a picture is announced: sockets show nothing of it before it is whole. */
  pictureComing: boolean;
}

export interface WatchOptions {
  silenceMs: number | undefined;
  /** Says something that the server answers at once. Whether there was something to say. */
  ask(): boolean;
  giveUp(): void;
}

type Timer = ReturnType<typeof setTimeout>;

export class Watch {
  readonly #options: WatchOptions;
  #owed: Owed | undefined;
  #silence: Timer | undefined;
  #check: Timer | undefined;
  /** In a row, without the answer to a frame between them: perhaps wrongly, for reasons we do not know. */
  #givenUp = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  get owed(): boolean {
    return this.#owed !== undefined;
  }

  /** (Re)starts the time of silence, or ends it where nothing is owed. */
  owes(owed: Owed | undefined): void {
    clearTimeout(this.#silence);
    this.#owed = owed;
    if (owed === undefined) return;
    const halfMs = this.#limitMs(this.#options.silenceMs ?? SILENCE_MS) / 2;
    this.#silence = setTimeout(() => {
      this.#options.ask();
      this.#silence = setTimeout(() => this.#giveUp(), halfMs);
    }, halfMs);
  }

  /** Whether the connection still stands, owing something or not: given up unless it says something within seconds. */
  check(): void {
    if (this.#check === undefined && this.#options.ask())
      this.#check = setTimeout(() => this.#giveUp(), this.#limitMs(CHECK_MS));
  }

  /** The connection said something. */
  heard(): void {
    clearTimeout(this.#check);
    this.#check = undefined;
  }

  /** The server answers frames. */
  works(): void {
    this.#givenUp = 0;
  }

  stop(): void {
    this.owes(undefined);
    this.heard();
  }

  #giveUp(): void {
    this.#givenUp += 1;
    this.#options.giveUp();
  }

  #limitMs(ms: number): number {
    const { bytes, pictureComing } = this.#owed ?? { bytes: 0, pictureComing: false };
    const patience = pictureComing ? MOST_PATIENCE : Math.min(MOST_PATIENCE, 2 ** this.#givenUp);
    return ms * patience + bytes / SLOW_LINE;
  }
}
