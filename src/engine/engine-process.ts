/** One engine process seen from the server: starts it, asks it things, and knows when it is gone. */
import { type ChildProcess, fork } from 'node:child_process';
import { compiledEntry } from '../compiled-entry.js';
import { engineEnvironment } from './engine-environment.js';
import { Exchange, type Region } from './exchange.js';
import type {
  BatchOutput,
  BatchSpec,
  EngineOutput,
  EngineRequest,
  EngineSettings,
  FromEngine,
  ToEngine,
} from './protocol.js';

const ENTRY = compiledEntry('engine/process.js');

/** The process went away, or could not be trusted any more, before it answered. */
export class EngineDiedError extends Error {
  override readonly name = 'EngineDiedError';
}

/** The engine answered that this request failed; the process is still good. */
export class EngineRequestError extends Error {
  override readonly name = 'EngineRequestError';
}

interface Pending {
  instance: number;
  resolve(output: EngineOutput): void;
  reject(error: Error): void;
  timeoutMs: number;
  /** Set once it is its turn. */
  timer: NodeJS.Timeout | undefined;
  /** Where the images of its batch lie, and its pictures will. */
  region: Region | undefined;
}

export class EngineProcess {
  readonly #child: ChildProcess;
  readonly #exchange: Exchange | undefined;
  /** By id, oldest first: each instance answers its own in that order, one at a time. */
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #death: string | undefined;
  /** Resolves with a sentence saying why the process ended. Never rejects. */
  readonly exited: Promise<string>;

  private constructor(child: ChildProcess, exchange: Exchange | undefined) {
    this.#child = child;
    this.#exchange = exchange;
    this.exited = new Promise((resolve) => {
      const die = (reason: string): void => {
        this.#death ??= reason;
        for (const { reject, timer } of this.#pending.values()) {
          clearTimeout(timer);
          reject(new EngineDiedError(this.#death));
        }
        this.#pending.clear();
        this.#exchange?.close();
        resolve(this.#death);
      };
      child.once('exit', (code, signal) =>
        die(`the engine process ended ${signal === null ? `with code ${code}` : `by ${signal}`}`),
      );
      child.once('error', (error) => die(`the engine process failed: ${error.message}`));
    });
    child.on('message', (message: FromEngine) => this.#receive(message));
  }

  /** Whether it may still be asked anything. */
  get alive(): boolean {
    return this.#death === undefined;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Starts a process and waits until its provider has shown that it works.
   * @param signal ends the start, and the process
   * @throws Error with ONNX Runtime's reason when the provider cannot be had, or when the start takes too long; the
   *   signal's reason
   */
  static async start(
    settings: EngineSettings,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<EngineProcess> {
    signal?.throwIfAborted();
    const exchange = Exchange.open();
    const child = fork(ENTRY, [JSON.stringify(settings)], {
      // Typed arrays travel as bytes, not as JSON.
      serialization: 'advanced',
      // The exchange comes right after the channel: `EXCHANGE_FD`.
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...(exchange === undefined ? [] : [exchange.fd])],
      execArgv: [],
      env: engineEnvironment(process.env),
    });
    const engine = new EngineProcess(child, exchange);
    const ended = new AbortController();
    try {
      await new Promise<void>((resolve, reject) => {
        // The first thing it says is how its start went.
        child.once('message', (message: FromEngine) => {
          if (message.type === 'start-failed') reject(new Error(message.message));
          else resolve();
        });
        void engine.exited.then((reason) => reject(new Error(reason)));
        signal?.addEventListener('abort', () => reject(signal.reason), { signal: ended.signal });
        const late = setTimeout(
          () => reject(new Error(`the engine was not ready after ${timeoutMs} ms`)),
          timeoutMs,
        );
        ended.signal.addEventListener('abort', () => clearTimeout(late));
      });
      return engine;
    } catch (error) {
      engine.kill();
      throw error;
    } finally {
      ended.abort();
    }
  }

  /**
   * @param timeoutMs from when its turn comes: what its instance was asked before does not count
   * @param instance see `SentRequest`
   * @throws EngineRequestError when the engine says the request failed
   * @throws EngineDiedError when the process ends first, or is hung for `timeoutMs` and was killed for it
   */
  request<T extends EngineOutput>(request: EngineRequest, timeoutMs: number, instance = 0): Promise<T> {
    if (this.#death !== undefined) return Promise.reject(new EngineDiedError(this.#death));
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const region = request.type === 'run' ? this.#exchange?.put(request.batch.images) : undefined;
      this.#pending.set(id, {
        instance,
        resolve: resolve as (output: EngineOutput) => void,
        reject,
        timeoutMs,
        timer: undefined,
        region,
      });
      this.#watchFirst(instance);
      const message: ToEngine =
        request.type === 'run' && region !== undefined
          ? {
              type: 'request',
              id,
              instance,
              request: { type: 'run', batch: withoutImages(request.batch) },
              region,
            }
          : { type: 'request', id, instance, request };
      this.#child.send(message, (error) => {
        // A process that is just ending closes the channel first; its exit rejects what is pending.
        if (error !== null) this.#child.kill('SIGKILL');
      });
    });
  }

  /** Ends the process and waits until it is gone. A run in progress is cut off. */
  async close(): Promise<void> {
    if (this.#child.connected) {
      const message: ToEngine = { type: 'close' };
      this.#child.send(message, () => undefined);
    }
    const timer = setTimeout(() => this.kill(), 2_000);
    await this.exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Gives the request whose turn it is its time: one that waits behind a long run is not hung. */
  #watchFirst(instance: number): void {
    const first = [...this.#pending.values()].find((pending) => pending.instance === instance);
    if (first === undefined) return;
    first.timer ??= setTimeout(() => {
      this.#death ??= `the engine did not answer within ${first.timeoutMs} ms`;
      this.kill();
    }, first.timeoutMs);
  }

  #receive(message: FromEngine): void {
    if (message.type !== 'done' && message.type !== 'error') return;
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    clearTimeout(pending.timer);
    this.#watchFirst(pending.instance);
    if (message.type === 'done') pending.resolve(this.#complete(message.output, pending.region));
    else if (message.fatal) {
      // Nothing more may be sent to it. It ends itself, too, unless its device hangs.
      this.#death ??= `the device failed: ${message.message}`;
      this.kill();
      pending.reject(new EngineDiedError(this.#death));
    } else pending.reject(new EngineRequestError(message.message));
    if (pending.region !== undefined) this.#exchange?.release(pending.region);
  }

  /** Fetches the pictures of a batch from where the engine put them. */
  #complete(output: EngineOutput, region: Region | undefined): EngineOutput {
    if (region === undefined || this.#exchange === undefined) return output;
    return { ...(output as BatchOutput), images: this.#exchange.take(region) };
  }
}

function withoutImages(batch: BatchSpec): BatchSpec {
  return { ...batch, images: new Uint8Array(0) };
}
