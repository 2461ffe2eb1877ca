/** Tells errors that leave an engine's process unusable from those that it survives. */
import type { Provider } from './protocol.js';

/** A CUDA error leaves the whole process unusable and only a new one cures it; what a library declines to do, does not. */
export function isFatal(message: string, provider: Provider): boolean {
  const declined =
    /out of memory|failed to allocate|ALLOC_FAILED|NOT_SUPPORTED|not supported|not available|not found/i;
  if (provider === 'cpu' || declined.test(message)) return false;
  return /(CUDA|CUDNN|CUBLAS) (failure|error)|illegal memory|device lost/i.test(message);
}
