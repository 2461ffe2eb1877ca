/** An image worker: the thread in which resampling and Canny run, so that they never hold up the server's own. */
import { parentPort } from 'node:worker_threads';
import { type Canny, loadCanny } from './canny.js';
import { encodeImage } from './encode.js';
import { restoreSize } from './fit.js';
import { type Answer, errorToMessage, type ImageJob, transferables } from './jobs.js';
import { prepare } from './prepare.js';

const port = parentPort;
if (port === null) throw new Error('images/worker.js runs as a worker thread only');

/** OpenCV is loaded by the first job that needs it. */
let loading: Promise<Canny> | undefined;

async function run(job: ImageJob) {
  if (job.task === 'finish') {
    // Encoded here: a picture scaled back may have 150 MB, and there are never more of them than workers.
    const picture = job.restore === undefined ? job.result : restoreSize(job.result, job.restore);
    const { width, height } = picture;
    return { data: await encodeImage(picture, job.encode), width, height };
  }
  return prepare(job, () => {
    loading ??= loadCanny();
    return loading;
  });
}

port.on('message', (job: ImageJob) => {
  run(job).then(
    (result) => {
      const owned = job.task === 'prepare' ? transferables(result.data) : [];
      port.postMessage({ result } satisfies Answer, owned);
    },
    (error: unknown) => port.postMessage({ error: errorToMessage(error) } satisfies Answer),
  );
});
