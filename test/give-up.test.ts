import { describe, expect, it } from 'vitest';
import { patienceUntil, throwIfGivenUp } from '../src/give-up.js';

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('patience', () => {
  it('ends with the deadline, and says so', async () => {
    const { signal } = patienceUntil(performance.now() + 20);
    expect(signal.aborted).toBe(false);
    await pause(60);
    expect(signal.reason).toMatchObject({ code: 'deadline_exceeded' });
  });

  it('ends when the client leaves, or has left before', () => {
    const client = new AbortController();
    const { signal, end } = patienceUntil(performance.now() + 1e6, client.signal);
    client.abort();
    expect(signal.reason).toMatchObject({ code: 'aborted' });
    end();
    expect(patienceUntil(performance.now(), client.signal).signal.reason).toMatchObject({ code: 'aborted' });
  });

  it('stops its clock when it is of no more use', async () => {
    const client = new AbortController();
    const { signal, end } = patienceUntil(performance.now() + 10, client.signal);
    end();
    client.abort();
    await pause(40);
    expect(signal.aborted).toBe(false);
  });
});

describe('what is given up', () => {
  it('is told by its reason', () => {
    expect(() => throwIfGivenUp(performance.now() + 1e6, new AbortController().signal)).not.toThrow();
    expect(() => throwIfGivenUp(performance.now() - 1)).toThrow('deadline');
    expect(() => throwIfGivenUp(performance.now() + 1e6, AbortSignal.abort())).toThrow('left');
  });
});
