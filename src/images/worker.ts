/** An image worker: the thread in which resampling and Canny run, so that they never hold up the server's own. */
import { parentPort } from 'node:worker_threads';
import { type Canny, loadCanny } from './canny.js';
import { restoreSize } from './fit.js';
import { type Answer, errorToMessage, type ImageJob, transferables } from './jobs.js';
import { prepare } from './prepare.js';

const port = parentPort;
if (port === null) throw new Error('images/worker.js runs as a worker thread only');

/** OpenCV is loaded by the first job that needs it. */
let loading: Promise<Canny> | undefined;

async function run(job: ImageJob) {
  if (job.task === 'restore') return restoreSize(job.result, job.plan);
  return prepare(job, () => {
    loading ??= loadCanny();
    return loading;
  });
}

port.on('message', (job: ImageJob) => {
  run(job).then(
    (result) => port.postMessage({ result } satisfies Answer, transferables(result.data)),
    (error: unknown) => port.postMessage({ error: errorToMessage(error) } satisfies Answer),
  );
});
