/** Clients that each wait for their answer before they ask again, as many as told, for as long as told. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds of one answer, as the server told them. */
export type Timings = Readonly<Record<string, number>>;

export interface Answer {
  /** Milliseconds from the request's first byte out to the answer's last byte in. */
  latency: number;
  timings: Timings;
}

/** Asks once and waits for the whole answer. */
export interface Client {
  ask(): Promise<Answer>;
  close(): void;
}

export interface Load {
  /** Answers that came within the window. */
  answers: readonly Answer[];
  /** Length of the window in seconds. */
  seconds: number;
}

/** Overhead falls from 12.4 ms over a server's first 25 pictures to 10.7 from then on. */
const WARM_UP_ANSWERS = 50;
const WARM_UP_MS = 5_000;
/** A window stays open until it has this many answers, or is this long: a large model on a CPU takes half a minute. */
const FEWEST_ANSWERS = 3;
const LONGEST_WINDOW_MS = 600_000;

/**
 * Starts all clients, lets the first answers pass, then measures.
 * @param length seconds at least, or whether to go on
 * @param whileMeasuring called at the window's start; the function it gives, at its end
 * @throws Error where not one answer came in the window, and whatever a client throws
 */
export async function runClosedLoop(
  clients: readonly Client[],
  length: number | (() => boolean),
  whileMeasuring: () => Promise<() => Promise<void>>,
): Promise<Load> {
  let running = true;
  let measuring = false;
  let warm = 0;
  const answers: Answer[] = [];
  let failure: unknown;
  const loops = clients.map(async (client) => {
    while (running) {
      const answer = await client.ask();
      warm++;
      if (measuring) answers.push(answer);
    }
  });
  for (const loop of loops) {
    loop.catch((error: unknown) => {
      failure ??= error;
      running = false;
    });
  }
  const check = (): void => {
    if (failure !== undefined) throw failure;
  };
  // Until the queue is as full as it will be (16 answers are two full batches), and V8 has compiled what every request
  // runs; slow models need not wait for that, their requests are long, and where one takes many seconds one is enough.
  const began = performance.now();
  const warmedUp = (): boolean => {
    const waited = performance.now() - began;
    const full = Math.min(clients.length, 16);
    if (waited > 4 * WARM_UP_MS) return warm >= full;
    return warm >= full + 2 && (warm >= WARM_UP_ANSWERS || waited > WARM_UP_MS);
  };
  while (!warmedUp() && running) await sleep(10);
  check();
  const finish = await whileMeasuring();
  measuring = true;
  const start = performance.now();
  const longEnough = (seconds: number): boolean => {
    const waited = performance.now() - start;
    return waited >= seconds * 1000 && (answers.length >= FEWEST_ANSWERS || waited >= LONGEST_WINDOW_MS);
  };
  const goesOn = typeof length === 'number' ? () => !longEnough(length) : length;
  while (running && goesOn()) await sleep(20);
  measuring = false;
  const measured = (performance.now() - start) / 1000;
  await finish();
  running = false;
  await Promise.allSettled(loops);
  for (const client of clients) client.close();
  check();
  if (answers.length === 0) throw new Error(`no answer came in ${measured.toFixed(0)} seconds`);
  return { answers, seconds: measured };
}
