// What the images of a request cost, without model and HTTP: `npm run build && node scripts/bench/images.mjs`.
// Prints milliseconds (least, median, 90th percentile) and the longest that the event loop was held up.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { ImageProcessor } from '../../dist/images/processor.js';
import sharp from '../../dist/images/sharp.js';

const rules = { native: [512, 512], dynamic: true, multiple_of: 8, min: 64, max: 2048 };
const conditionings = [
  { kind: 'image' },
  { kind: 'sketch', invert: 'auto' },
  { kind: 'edge', lowThreshold: 100, highThreshold: 200 },
];
const processor = new ImageProcessor({ maxPixels: 50_000_000 });

/** A JPEG of soft coloured clouds. */
async function picture(width, height) {
  const clouds = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, index) => (index * 7919) % 256));
  const raw = { width: 64, height: 64, channels: 3 };
  return sharp(clouds, { raw }).resize(width, height, { fit: 'fill', kernel: 'cubic' }).jpeg().toBuffer();
}

async function measure(name, runs, run) {
  for (let warm = 0; warm < 8; warm++) await run();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const times = [];
  delay.enable();
  for (let index = 0; index < runs; index++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  delay.disable();
  times.sort((a, b) => a - b);
  const [least, median, high] = [0, 0.5, 0.9].map((share) =>
    times[Math.floor(times.length * share)].toFixed(2),
  );
  const held = (delay.max / 1e6).toFixed(1);
  console.log(`${name.padEnd(34)} min ${least}  p50 ${median}  p90 ${high}  loop held ${held}`);
}

for (const [width, height] of [
  [512, 512],
  [1024, 1024],
  [4000, 3000],
]) {
  const encoded = await picture(width, height);
  for (const conditioning of conditionings) {
    const name = `prepare ${width}x${height} jpeg, ${conditioning.kind}`;
    await measure(name, 30, () => processor.prepare(encoded, { fit: 'cover', rules, conditioning }));
  }
}
const data = await sharp(await picture(512, 512))
  .raw()
  .toBuffer();
const result = { data, width: 512, height: 512 };
for (const format of ['jpeg', 'png', 'webp', 'avif']) {
  await measure(`finish 512x512 ${format}`, 30, () => processor.finish(result, { format }));
}
const conditioning = { kind: 'image' };
const { plan } = await processor.prepare(await picture(1024, 768), { fit: 'fill', rules, conditioning });
await measure('finish jpeg, restored to 1024x768', 30, () =>
  processor.finish(result, { format: 'jpeg', restore: plan }),
);
await processor.close();
