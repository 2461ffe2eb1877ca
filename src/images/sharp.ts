/** libvips, set once for a server: every other file takes `sharp` from here. */
import { isMainThread } from 'node:worker_threads';
import sharp from 'sharp';

// Every request brings another picture, so libvips' cache of operations would only hold memory.
sharp.cache(false);
// Pictures are small and many: one thread each, and as many at a time as libuv has threads, beats splitting one.
sharp.concurrency(1);
sharp.simd(true);
// libvips judges by itself what a file is, and must not find what `sniff.ts` does not let in: 1 kB of SVG that says it is
// AVIF is drawn for minutes. Once for all threads: between the two calls, those that decode would be refused everything.
if (isMainThread) {
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({
    operation: [
      'VipsForeignLoadPng',
      'VipsForeignLoadJpeg',
      'VipsForeignLoadWebp',
      'VipsForeignLoadHeif',
      'VipsForeignLoadNsgif',
    ],
  });
}

export default sharp;
