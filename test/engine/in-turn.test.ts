import { describe, expect, it } from 'vitest';
import { inTurn } from '../../src/engine/in-turn.js';
import type { EngineOutput, FromEngine, SentRequest } from '../../src/engine/protocol.js';

const FATAL = 'the device is lost';

/** A worker whose requests end when the test says so; what began, and what was answered. */
function worker() {
  const begun: number[] = [];
  const answers: FromEngine[] = [];
  const ends: { resolve(output: EngineOutput): void; reject(error: Error): void }[] = [];
  const ask = inTurn({
    perform: ({ id }) => {
      begun.push(id);
      return new Promise((resolve, reject) => ends.push({ resolve, reject }));
    },
    isFatal: (message) => message === FATAL,
    send: (message) => answers.push(message),
  });
  const asked = [1, 2, 3].map((id) => {
    const sent: SentRequest = { id, instance: 0, request: { type: 'unload', bundle: 'duck' } };
    return ask(sent);
  });
  return { begun, answers, ends, asked };
}

describe('what a worker is asked', () => {
  it('is performed one by one, also after one that failed', async () => {
    const { begun, answers, ends, asked } = worker();
    await Promise.resolve();
    expect(begun).toEqual([1]);
    ends[0]?.reject(new Error('no'));
    await asked[0];
    expect(begun).toEqual([1, 2]);
    ends[1]?.resolve({});
    await asked[1];
    expect(begun).toEqual([1, 2, 3]);
    expect(answers).toEqual([
      { type: 'error', id: 1, message: 'no', fatal: false },
      { type: 'done', id: 2, output: {} },
    ]);
  });

  it('is left where the device failed: it might hang in there and not end', async () => {
    const { begun, answers, ends, asked } = worker();
    await Promise.resolve();
    ends[0]?.reject(new Error(FATAL));
    await Promise.all(asked);
    expect(begun).toEqual([1]);
    expect(answers).toEqual([{ type: 'error', id: 1, message: FATAL, fatal: true }]);
  });
});
