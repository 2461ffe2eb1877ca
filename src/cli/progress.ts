/** One line on a terminal that says what is going on and for how long: loading a large model takes a while. */

export interface Progress {
  say(what: string): void;
  /** Ends with this line in place of the last one. */
  done(what: string): void;
  stop(): void;
}

const TICK_MS = 200;
const CLEAR_LINE = '\r\x1b[2K';

/** @param stream where to write; undefined: nowhere. Not a terminal: one line a step, no clock. */
export function startProgress(stream: NodeJS.WriteStream | undefined): Progress {
  let current = '';
  let since = performance.now();
  const draw = (): void => {
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    stream?.write(`${CLEAR_LINE}${current} … ${seconds} s`);
  };
  const timer = stream?.isTTY ? setInterval(draw, TICK_MS).unref() : undefined;
  const stop = (): void => {
    clearInterval(timer);
    if (timer !== undefined && current !== '') stream?.write(CLEAR_LINE);
    current = '';
  };
  return {
    say(what) {
      current = what;
      since = performance.now();
      if (timer === undefined) stream?.write(`${what} …\n`);
      else draw();
    },
    done(what) {
      stop();
      stream?.write(`${what}\n`);
    },
    stop,
  };
}
