/** Whatever a frame comes as, the socket takes its bytes. */
import type { FrameSource } from './types.js';

/** Blobs are read here rather than by the socket: not every one takes them, and reading keeps frames in order. */
export async function bytesOf(source: FrameSource): Promise<ArrayBuffer | Uint8Array<ArrayBuffer>> {
  const frame = typeof source === 'function' ? await source() : source;
  if (frame instanceof Blob) return frame.arrayBuffer();
  if (frame instanceof ArrayBuffer) return frame;
  // A view may lie in shared memory, which a socket does not take.
  return frame.buffer instanceof ArrayBuffer ? (frame as Uint8Array<ArrayBuffer>) : Uint8Array.from(frame);
}
