import { describe, expect, it } from 'vitest';
import { BatchingQueue, type Queueable } from '../../src/scheduling/batching-queue.js';

const AGING_MS = 1_000;

function job(fields: Partial<Queueable> & { name?: string } = {}): Queueable & { name: string } {
  return {
    name: '',
    key: 'a',
    count: 1,
    priority: 'normal',
    client: 'someone',
    enqueuedAt: 0,
    alone: false,
    ...fields,
  };
}

/** Takes one job after another, as a device that runs one at a time would. */
function order(queue: BatchingQueue<Queueable & { name: string }>, now = 0): string[] {
  const names: string[] = [];
  for (let next = queue.first(now); next !== undefined; next = queue.first(now)) {
    queue.take([next], now);
    names.push(next.name);
  }
  return names;
}

describe('the batching queue', () => {
  it('serves one client in the order of arrival', () => {
    const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
    for (const name of ['1', '2', '3']) queue.push(job({ name }));
    expect(order(queue)).toEqual(['1', '2', '3']);
  });

  it('serves interactive jobs before normal ones that came earlier', () => {
    const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
    queue.push(job({ name: 'normal' }));
    queue.push(job({ name: 'interactive', priority: 'interactive', client: 'pen' }));
    expect(order(queue)).toEqual(['interactive', 'normal']);
  });

  it('does not let a stream of interactive jobs starve a normal one', () => {
    const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
    queue.push(job({ name: 'normal', enqueuedAt: 0 }));
    const served: string[] = [];
    for (let now = 0; now < 5_000 && !served.includes('normal'); now += 100) {
      queue.push(job({ name: `pen ${now}`, priority: 'interactive', client: 'pen', enqueuedAt: now }));
      const next = queue.first(now);
      if (next === undefined) break;
      queue.take([next], now);
      served.push(next.name);
    }
    expect(served.indexOf('normal')).toBe(AGING_MS / 100);
  });

  it.each(['normal', 'interactive'] as const)(
    'lets no stream of new clients starve a job that is %s',
    (priority) => {
      const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
      // The second one has a fair tag behind that of every client never seen before.
      for (const name of ['first', 'second']) queue.push(job({ name, priority, client: 'me' }));
      const served: string[] = [];
      for (let now = 0; now < 20_000 && !served.includes('second'); now += 100) {
        const name = `visitor ${now}`;
        queue.push(job({ name, client: name, priority: 'interactive', enqueuedAt: now }));
        const next = queue.first(now);
        if (next === undefined) break;
        queue.take([next], now);
        served.push(next.name);
      }
      expect(served).toContain('second');
      // A turn for each of the two, `agingMs` apart.
      expect(served.length).toBeLessThanOrEqual((2 * AGING_MS) / 100 + 3);
    },
  );

  it('lets a client that comes late pass one whose many jobs wait long, since that one has its turns', () => {
    const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
    for (let i = 0; i < 60; i++) queue.push(job({ name: `much ${i}`, client: 'much' }));
    const served: string[] = [];
    for (let now = 0; now < 10_000 && !served.includes('little'); now += 500) {
      if (now === 3_000)
        queue.push(job({ name: 'little', client: 'little', priority: 'interactive', enqueuedAt: now }));
      const next = queue.first(now);
      if (next === undefined) break;
      queue.take([next], now);
      served.push(next.name);
    }
    expect(served.indexOf('little')).toBe(3_000 / 500);
  });

  it('alternates between a client that asks for much and one that asks for little', () => {
    const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
    for (const name of ['much 1', 'much 2', 'much 3', 'much 4']) queue.push(job({ name, client: 'much' }));
    for (const name of ['little 1', 'little 2']) queue.push(job({ name, client: 'little' }));
    expect(order(queue)).toEqual(['much 1', 'little 1', 'much 2', 'little 2', 'much 3', 'much 4']);
  });

  it('charges a client for every sample of a job', () => {
    const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
    queue.push(job({ name: 'eight', count: 8, client: 'much' }));
    queue.push(job({ name: 'after eight', client: 'much' }));
    for (let i = 1; i <= 8; i++) queue.push(job({ name: `single ${i}`, client: 'little' }));
    expect(order(queue).indexOf('after eight')).toBe(9);
  });

  it('batches only jobs of one key', () => {
    const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
    queue.push(job({ name: 'a1' }));
    queue.push(job({ name: 'b1', key: 'b', client: 'other' }));
    queue.push(job({ name: 'a2' }));
    const leader = queue.first(0);
    expect(leader && queue.companions(leader, 8, 0).map(({ name }) => name)).toEqual(['a1', 'a2']);
  });

  it('fills a batch up to its size and passes over a job that does not fit', () => {
    const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
    queue.push(job({ name: 'three', count: 3, client: '1' }));
    queue.push(job({ name: 'two', count: 2, client: '2' }));
    queue.push(job({ name: 'one', count: 1, client: '3' }));
    const leader = queue.first(0);
    expect(leader && queue.companions(leader, 4, 0).map(({ name }) => name)).toEqual(['three', 'one']);
  });

  it('gives a suspect a batch of its own', () => {
    const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
    const suspect = job({ name: 'suspect', alone: true });
    queue.unshift(suspect);
    queue.push(job({ name: 'other' }));
    expect(queue.companions(suspect, 8, 0)).toEqual([suspect]);
    const other = queue.first(0, ({ alone }) => !alone);
    expect(other && queue.companions(other, 8, 0).map(({ name }) => name)).toEqual(['other']);
  });

  it('puts a job that was taken back before all others', () => {
    const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
    queue.push(job({ name: 'waiting' }));
    queue.unshift(job({ name: 'back', client: 'other' }));
    expect(order(queue)).toEqual(['back', 'waiting']);
  });

  it('does not charge a client for jobs that left before their turn', () => {
    const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
    const left = ['left 1', 'left 2', 'left 3'].map((name) => job({ name, client: 'much' }));
    for (const each of left) queue.push(each);
    for (const each of left) queue.remove(each);
    for (const name of ['little 1', 'little 2']) queue.push(job({ name, client: 'little' }));
    queue.push(job({ name: 'much', client: 'much' }));
    expect(order(queue)).toEqual(['little 1', 'much', 'little 2']);
  });

  it('counts samples, whoever leaves', () => {
    const queue = new BatchingQueue<ReturnType<typeof job>>(AGING_MS);
    const leaving = job({ count: 3 });
    queue.push(leaving);
    queue.push(job({ count: 2 }));
    expect(queue.samples).toBe(5);
    expect(queue.remove(leaving)).toBe(true);
    expect(queue.remove(leaving)).toBe(false);
    expect(queue.samples).toBe(2);
    expect(queue.length).toBe(1);
  });
});
