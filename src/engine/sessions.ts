/** ONNX Runtime sessions of one provider: how they are created, shared between bundles and released. */
import { InferenceSession } from 'onnxruntime-node';
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
    // Pool threads that spin between operators would take the cores the server decodes and encodes on.
    options.extra = { session: { intra_op: { allow_spinning: '0' } } };
  }
  return options;
}

/** Sessions by graph path, counted: a graph two bundles or two directions name is loaded once. */
export class SessionPool {
  readonly #options: InferenceSession.SessionOptions;
  readonly #sessions = new Map<string, { session: InferenceSession; users: number }>();

  constructor(settings: EngineSettings) {
    this.#options = sessionOptions(settings);
  }

  async acquire(path: string): Promise<InferenceSession> {
    const known = this.#sessions.get(path);
    if (known !== undefined) {
      known.users++;
      return known.session;
    }
    const session = await InferenceSession.create(path, this.#options);
    this.#sessions.set(path, { session, users: 1 });
    return session;
  }

  async release(path: string): Promise<void> {
    const known = this.#sessions.get(path);
    if (known === undefined || --known.users > 0) return;
    this.#sessions.delete(path);
    await known.session.release();
  }
}
