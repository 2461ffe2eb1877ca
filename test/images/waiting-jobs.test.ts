import { beforeEach, expect, it } from 'vitest';
import { type WaitingJob, WaitingJobs } from '../../src/images/waiting-jobs.js';

interface Named extends WaitingJob {
  name: string;
}
let waiting: WaitingJobs<Named>;
beforeEach(() => {
  waiting = new WaitingJobs();
});

function add(name: string, facts: Partial<WaitingJob> = {}): Named {
  const job: Named = { name, client: 'a', priority: 'normal', long: false, since: 0, ...facts };
  waiting.add(job);
  return job;
}
const take = (longMayGo = true, now = 0) => waiting.take(longMayGo, now)?.name;

it('the oldest goes first', () => {
  add('one');
  add('two');
  expect([take(), take(), take()]).toEqual(['one', 'two', undefined]);
});

it('a live frame goes before what came earlier, until that has waited long enough', () => {
  add('normal');
  add('frame', { priority: 'interactive', client: 'b' });
  expect(take()).toBe('frame');
  add('next frame', { priority: 'interactive', client: 'b', since: 2_001 });
  expect(take(true, 2_001)).toBe('normal');
});

it('clients take turns, however many jobs one of them has', () => {
  for (const name of ['a1', 'a2', 'a3']) add(name);
  expect(take()).toBe('a1');
  add('b1', { client: 'b' });
  add('b2', { client: 'b' });
  expect([take(), take(), take(), take()]).toEqual(['b1', 'a2', 'b2', 'a3']);
});

it('a long one waits where it may not go, and holds up nobody', () => {
  add('long', { long: true });
  add('short');
  expect([take(false), take(false), take(true)]).toEqual(['short', undefined, 'long']);
});

it('one that was given up is not taken', () => {
  const gone = add('gone');
  add('stays');
  waiting.remove(gone);
  waiting.remove(gone);
  expect([take(), take()]).toEqual(['stays', undefined]);
});
