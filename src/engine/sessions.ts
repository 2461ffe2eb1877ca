/** ONNX Runtime sessions of one provider: how they are created, shared between bundles and released. */
import { InferenceSession } from 'onnxruntime-node';
import type { GraphFile } from '../bundles/bundle.js';
import type { EngineSettings } from './protocol.js';

export function sessionOptions(settings: EngineSettings): InferenceSession.SessionOptions {
  const { provider, deviceIndex, threads } = settings;
  const options: InferenceSession.SessionOptions = {
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    logSeverityLevel: 3,
    executionProviders:
      provider === 'cpu'
        ? ['cpu']
        : [provider === 'cuda' ? { name: 'cuda', deviceId: deviceIndex } : { name: provider }],
  };
  if (provider === 'cpu') {
    options.intraOpNumThreads = threads;
    // Measured on 2 cores under 16 clients (docs/performance.md): threads that sleep between operators instead of
    // spinning cost 6 % of the pictures at batch 1 and 15 % at 4. Work is dealt out in smaller and smaller pieces, so
    // that a thread whose core decodes an image meanwhile does not keep the other waiting: 3 % more.
    options.extra = { session: { intra_op: { allow_spinning: '1' }, dynamic_block_base: '4' } };
  } else {
    // A GPU's session has pool threads too, for the little it leaves to the CPU: they must not take its cores.
    options.extra = { session: { intra_op: { allow_spinning: '0' } } };
  }
  return options;
}

/**
 * Sessions by graph, counted: one that two bundles or two directions name is loaded once. Bundles that mean different
 * files by one path (it was replaced, and one of them was not loaded since) have a session each.
 */
export class SessionPool {
  readonly #options: InferenceSession.SessionOptions;
  readonly #sessions = new Map<string, { session: InferenceSession; users: number }>();

  constructor(settings: EngineSettings) {
    this.#options = sessionOptions(settings);
  }

  async acquire(graph: GraphFile): Promise<InferenceSession> {
    const known = this.#sessions.get(keyOf(graph));
    if (known !== undefined) {
      known.users++;
      return known.session;
    }
    const session = await InferenceSession.create(graph.path, this.#options);
    this.#sessions.set(keyOf(graph), { session, users: 1 });
    return session;
  }

  async release(graph: GraphFile): Promise<void> {
    const known = this.#sessions.get(keyOf(graph));
    if (known === undefined || --known.users > 0) return;
    this.#sessions.delete(keyOf(graph));
    await known.session.release();
  }
}

function keyOf({ path, sha256 }: GraphFile): string {
  return `${path}\0${sha256}`;
}
