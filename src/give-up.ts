/** When a request is given up: its client left, or its deadline passed. */
import { Img2ImgError } from './errors.js';

export interface Patience {
  /** Aborts with the Img2ImgError that the request is answered with. */
  readonly signal: AbortSignal;
  /** Stops the clock; to be called once the signal is of no more use. */
  end(): void;
}

/** @param deadlineAt on the clock of `performance.now()` */
export function patienceUntil(deadlineAt: number, client?: AbortSignal): Patience {
  const controller = new AbortController();
  const onLeave = () => controller.abort(clientLeft());
  const timer = setTimeout(() => controller.abort(deadlinePassed()), deadlineAt - performance.now());
  if (client?.aborted) onLeave();
  else client?.addEventListener('abort', onLeave, { once: true });
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer);
      client?.removeEventListener('abort', onLeave);
    },
  };
}

/** @throws Img2ImgError `aborted` or `deadline_exceeded` where the request is given up */
export function throwIfGivenUp(deadlineAt: number, client?: AbortSignal): void {
  if (client?.aborted) throw clientLeft();
  if (performance.now() > deadlineAt) throw deadlinePassed();
}

const clientLeft = () => new Img2ImgError('aborted', 'The client left.');

const deadlinePassed = () =>
  new Img2ImgError('deadline_exceeded', 'The deadline passed before the picture was made.');
