import { afterEach, describe, expect, it } from 'vitest';
import { Img2ImgError } from '../../src/errors.js';
import { planFit } from '../../src/images/fit.js';
import { ImageProcessor } from '../../src/images/processor.js';
import { ImageWorkers } from '../../src/images/workers.js';
import { anyone, anySize, pipeline, scene } from './helpers.js';

const source = { width: 40, height: 30 };
const plan = planFit(source, 'fill', { width: 64, height: 64 }, anySize);
const restore = {
  task: 'finish',
  result: scene(64, 64),
  restore: plan,
  encode: { format: 'png' },
} as const;

/** A thread whose first job kills it and whose others are answered. */
const mortal = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', (job) => {
      if (job.result.width === 1) process.exit(3);
      if (job.result.width === 2) throw new Error('thrown outside');
      parentPort.postMessage({ result: { data: new Uint8Array(3), width: 1, height: 1 } });
    });
  `)}`,
);
/** A thread that answers after a while, with how many jobs it has had and the last one's width. */
const silent = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    let jobs = 0;
    parentPort.on('message', (job) => {
      jobs++;
      const result = { data: new Uint8Array(3), width: jobs, height: job.result.width };
      setTimeout(() => parentPort.postMessage({ result }), 100);
    });
  `)}`,
);
/** A thread that answers with the bytes of memory it was sent, and those of the picture among them. */
const measuring = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', (job) => {
      const { data } = job.task === 'finish' ? job.result : { data: job.encoded };
      parentPort.postMessage({ result: { data, width: data.buffer.byteLength, height: data.byteLength } });
    });
  `)}`,
);
const ofWidth = (width: number) => ({ ...restore, result: { ...restore.result, width } });

describe('the image workers', () => {
  let workers: ImageWorkers;
  afterEach(() => workers.close());

  it('start when they are needed, as many as are needed, and end on close', async () => {
    workers = new ImageWorkers({ size: 2 });
    expect(workers.running).toBe(0);
    expect(await workers.run(restore, anyone)).toMatchObject(source);
    expect(workers.running).toBe(1);
    await Promise.all(Array.from({ length: 10 }, () => workers.run(restore, anyone)));
    expect(workers.running).toBe(2);
    await workers.close();
    expect(workers.running).toBe(0);
    await expect(workers.run(restore, anyone)).rejects.toThrow('shutting down');
  });

  it('fail what has not ended when they close', async () => {
    workers = new ImageWorkers({ size: 1 });
    const jobs = Promise.allSettled(Array.from({ length: 5 }, () => workers.run(restore, anyone)));
    await workers.close();
    expect((await jobs).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
  });

  it('are sent the bytes of their job, and not the batch or the body that these are part of', async () => {
    workers = new ImageWorkers({ entry: measuring, size: 1 });
    const batch = Uint8Array.from({ length: 1_000 }, (_, i) => i);
    const part = batch.subarray(100, 110);
    const prepare = {
      task: 'prepare',
      encoded: Buffer.from(batch.buffer, 100, 10),
      limits: { maxPixels: 1e6 },
      plan,
      conditioning: { kind: 'image' },
    } as const;
    for (const job of [{ ...restore, result: { ...restore.result, data: part } }, prepare]) {
      expect(await workers.run(job, anyone)).toMatchObject({ data: part.slice(), width: 10, height: 10 });
    }
    expect(batch[100]).toBe(100);
  });

  it('do not begin a job that was given up while it waited, nor wait for one that runs', async () => {
    workers = new ImageWorkers({ entry: silent, size: 1 });
    const controller = new AbortController();
    const leaving = { ...anyone, signal: controller.signal };
    const running = workers.run(ofWidth(9), leaving);
    const waiting = workers.run(ofWidth(1), leaving);
    controller.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    await expect(waiting).rejects.toThrow('enough');
    // The second would have been answered with its width after the first.
    expect(await workers.run(ofWidth(7), anyone)).toMatchObject({ width: 2, height: 7 });
    await expect(workers.run(ofWidth(7), leaving)).rejects.toThrow('enough');
  });

  it('keep one thread free of what takes seconds', async () => {
    workers = new ImageWorkers({ entry: silent, size: 2 });
    // Scaled back to 2000×1000: more than a megapixel.
    const big = planFit({ width: 2000, height: 1000 }, 'fill', { width: 64, height: 64 }, anySize);
    const order: string[] = [];
    const run = (name: string, job: typeof restore) =>
      workers.run(job, anyone).then(() => {
        order.push(name);
      });
    const long = ['long 1', 'long 2', 'long 3'].map((name) => run(name, { ...restore, restore: big }));
    const short = ['short 1', 'short 2'].map((name) => run(name, restore));
    await Promise.all([...long, ...short]);
    expect(order.indexOf('short 2')).toBeLessThan(order.indexOf('long 3'));
    expect(order.indexOf('short 1')).toBeLessThan(order.indexOf('long 2'));
  });

  it('lose only the job of a thread that dies', async () => {
    workers = new ImageWorkers({ entry: mortal, size: 1 });
    const results = await Promise.allSettled(
      [9, 1, 9, 2, 9].map((width) => workers.run(ofWidth(width), anyone)),
    );
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });

  it('tell errors by their code', async () => {
    const processor = new ImageProcessor({ maxPixels: 1e6 });
    const encoded = await pipeline(scene(80, 80)).png().toBuffer();
    const cut = encoded.subarray(0, encoded.length / 2);
    const size = { width: 64, height: 64 };
    const options = { fit: 'fill', size, rules: anySize, conditioning: { kind: 'image' } } as const;
    const failed = processor.prepare(cut, options, anyone);
    await expect(failed).rejects.toBeInstanceOf(Img2ImgError);
    await expect(failed).rejects.toMatchObject({ code: 'invalid_image', details: { type: 'PNG' } });
    await processor.close();
  });
});
