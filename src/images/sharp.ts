/** libvips, set once for a server: every other file takes `sharp` from here. */
import sharp from 'sharp';

// Every request brings another picture, so libvips' cache of operations would only hold memory.
sharp.cache(false);
// Pictures are small and many: one thread each, and as many at a time as libuv has threads, beats splitting one.
sharp.concurrency(1);
sharp.simd(true);

export default sharp;
