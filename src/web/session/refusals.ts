/** Why no stream opens though the server is there: of a refused handshake a browser tells a page nothing. */
import type { Problem, StreamStatus } from '../../client/index.js';
import { refusalOf } from './api.js';

/** The first attempts may meet a server that starts. */
const ATTEMPTS = 3;
/** What the server says of the stream's address where it has nothing against us: it is for WebSockets. */
const NO_REASON = new Set(['method_not_allowed', 'upgrade_required']);

/** Asks in another way once some attempts have failed, and again until there is an answer to tell. */
export class Refusals {
  readonly #tell: (problem: Problem) => void;
  #attempts = 0;
  #told = false;

  constructor(tell: (problem: Problem) => void) {
    this.#tell = tell;
  }

  status({ state }: StreamStatus): void {
    if (state === 'open') {
      this.#attempts = 0;
      this.#told = false;
    }
    if (state !== 'waiting') return;
    this.#attempts += 1;
    if (!this.#told && this.#attempts % ATTEMPTS === 0) void this.#ask();
  }

  async #ask(): Promise<void> {
    const problem = await whyNoStream();
    if (problem === undefined || this.#attempts === 0) return;
    this.#told = true;
    this.#tell(problem);
  }
}

/** @returns undefined where the server is out of reach */
async function whyNoStream(): Promise<Problem | undefined> {
  // The first says where it comes from, as the handshake does; the other is what a handshake is to a proxy that knows none.
  for (const method of ['POST', 'GET'] as const) {
    const problem = await refusalOf('v1/stream', method);
    if (problem?.status === 0) return undefined;
    if (problem?.code === 'origin_not_allowed') return { ...problem, detail: behindProxy(problem) };
    if (problem !== undefined && !NO_REASON.has(problem.code ?? '')) return problem;
  }
  return {
    title: 'The live connection does not open.',
    status: 0,
    detail:
      'The server is there, but no WebSocket comes through to it: too many may be open, or a proxy before it does not pass them on.',
  };
}

function behindProxy({ detail }: Problem): string {
  return `${detail ?? ''} Yet this page came from there: the server has to be told of the reverse proxy before it (TRUST_PROXY).`;
}
