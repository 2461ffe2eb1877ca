/** The server's side of an engine process, over a child that answers when the test says so. */
import type { ForkOptions } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EngineDiedError, EngineProcess } from '../../src/engine/engine-process.js';
import type { EngineSettings, FromEngine, ToEngine } from '../../src/engine/protocol.js';

class FakeChild extends EventEmitter {
  readonly connected = true;
  readonly sent: ToEngine[] = [];

  send(message: ToEngine, done: (error: Error | null) => void): void {
    this.sent.push(message);
    done(null);
  }

  kill(): void {
    this.emit('exit', null, 'SIGKILL');
  }

  answer(message: FromEngine): void {
    this.emit('message', message);
  }
}

let child: FakeChild;
let forkedWith: ForkOptions;
vi.mock('node:child_process', () => ({
  fork: (_entry: URL, _args: string[], options: ForkOptions) => {
    child = new FakeChild();
    forkedWith = options;
    return child;
  },
  execFile: () => undefined,
}));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const TIMEOUT_MS = 1_000;

async function start(): Promise<EngineProcess> {
  const starting = EngineProcess.start({} as EngineSettings, TIMEOUT_MS);
  child.answer({ type: 'ready' });
  return starting;
}

/** Asks for something; tells how it ended. */
function ask(engine: EngineProcess, instance = 0): { ended: string } {
  const state = { ended: 'no' };
  engine.request({ type: 'unload', bundle: 'duck' }, TIMEOUT_MS, instance).then(
    () => {
      state.ended = 'done';
    },
    (error: Error) => {
      state.ended = error.message;
    },
  );
  return state;
}

describe('the time an engine has for a request', () => {
  it('begins when those before it have been answered', async () => {
    const engine = await start();
    const asked = [ask(engine), ask(engine), ask(engine)];
    for (let id = 1; id <= 3; id++) {
      await vi.advanceTimersByTimeAsync(900);
      child.answer({ type: 'done', id, output: {} });
    }
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked.map(({ ended }) => ended)).toEqual(['done', 'done', 'done']);
    expect(engine.alive).toBe(true);
  });

  it('ends with the engine where the one whose turn it is is not answered', async () => {
    const engine = await start();
    const asked = [ask(engine), ask(engine)];
    await vi.advanceTimersByTimeAsync(900);
    child.answer({ type: 'error', id: 1, message: 'no', fatal: false });
    await vi.advanceTimersByTimeAsync(999);
    expect(engine.alive).toBe(true);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked.map(({ ended }) => ended)).toEqual(['no', 'the engine did not answer within 1000 ms']);
    await expect(engine.request({ type: 'unload', bundle: 'duck' }, TIMEOUT_MS)).rejects.toThrow(
      EngineDiedError,
    );
  });

  it('is each instance’s own', async () => {
    const engine = await start();
    const [whole, share] = [ask(engine), ask(engine, 1)];
    await vi.advanceTimersByTimeAsync(900);
    child.answer({ type: 'done', id: 1, output: {} });
    await vi.advanceTimersByTimeAsync(100);
    expect([whole.ended, share.ended]).toEqual(['done', 'the engine did not answer within 1000 ms']);
  });
});

describe('the start of an engine', () => {
  it('is ended by its signal, and the process with it', async () => {
    const controller = new AbortController();
    const starting = EngineProcess.start({} as EngineSettings, TIMEOUT_MS, controller.signal);
    const ended = vi.spyOn(child, 'kill');
    controller.abort(new Error('closed'));
    await expect(starting).rejects.toThrow('closed');
    expect(ended).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes no longer than it may', async () => {
    const starting = EngineProcess.start({} as EngineSettings, TIMEOUT_MS);
    const failed = expect(starting).rejects.toThrow('the engine was not ready after 1000 ms');
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
    await failed;
  });

  it('leaves nothing behind that listens for its end', async () => {
    await start();
    expect(child.listenerCount('message')).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

it('an engine whose device failed is ended, and all that was asked of it', async () => {
  const engine = await start();
  const asked = [ask(engine), ask(engine)];
  const failure = 'CUDA failure 700: an illegal memory access was encountered';
  child.answer({ type: 'error', id: 1, message: failure, fatal: true });
  expect(await engine.exited).toBe(`the device failed: ${failure}`);
  expect(engine.alive).toBe(false);
  expect(asked.map(({ ended }) => ended)).toEqual(Array(2).fill(`the device failed: ${failure}`));
});

it('an engine process counts cards as the driver does', async () => {
  await start();
  expect(forkedWith.env).toMatchObject({ PATH: process.env.PATH, CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
});

it('an engine process reports nothing to Microsoft, unless it is told to', async () => {
  await start();
  expect(forkedWith.env).toMatchObject({ ORT_DISABLE_TELEMETRY: '1' });
  vi.stubEnv('ORT_DISABLE_TELEMETRY', '0');
  await start();
  vi.unstubAllEnvs();
  expect(forkedWith.env).toMatchObject({ ORT_DISABLE_TELEMETRY: '0' });
});
