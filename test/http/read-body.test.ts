/** A body comes together again whatever it was cut into, and takes little more memory than it has bytes. */
import { PassThrough } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { readBody } from '../../src/http/translate/read-body.js';

const MEGABYTE = 2 ** 20;
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('a body', () => {
  it.each([
    ['large chunks', [70_000, 5_000, 65_536]],
    ['small ones', Array.from({ length: 300 }, (_, i) => 1 + (i % 4000))],
    ['both in turns', Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 3 : 4096))],
    ['one small chunk', [5]],
    ['nothing', []],
  ])('in %s is what was sent', async (_name, lengths) => {
    const stream = new PassThrough();
    const read = readBody(stream, MEGABYTE, undefined);
    const sent = lengths.map((length, i) => Buffer.alloc(length, i));
    for (const chunk of sent) stream.write(chunk);
    stream.end();
    expect(Buffer.compare(await read, Buffer.concat(sent))).toBe(0);
  });

  it('in chunks of a byte takes no more memory than in one', async () => {
    const stream = new PassThrough();
    const read = readBody(stream, MEGABYTE, undefined);
    collectGarbage();
    const before = process.memoryUsage();
    const slab = Buffer.alloc(1000);
    for (let i = 0; i < 300; i++) {
      for (let at = 0; at < slab.length; at++) stream.write(slab.subarray(at, at + 1));
      await new Promise(setImmediate);
    }
    collectGarbage();
    const after = process.memoryUsage();
    expect(after.heapUsed - before.heapUsed).toBeLessThan(10 * MEGABYTE);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(MEGABYTE);
    stream.end();
    expect(await read).toHaveLength(300_000);
  });
});
