/** Reads a body that is one piece, and stops keeping it where it is too large or there is no room for more of it. */
import type { Readable } from 'node:stream';
import { Img2ImgError } from '../../errors.js';
import type { ByteShare } from '../byte-budget.js';
import { HttpError } from '../problem.js';

/** Of what comes in smaller chunks each is copied: as a Buffer of its own, a byte takes 190 of the heap. */
const SMALL_BYTES = 4 * 1024;
const BLOCK_BYTES = 64 * 1024;

/** @throws HttpError `body_too_large` · Img2ImgError `queue_full` as its share of the budget does, `aborted` */
export function readBody(body: Readable, maxBytes: number, share: ByteShare | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks = new Chunks();
    let received = 0;
    const count = (bytes: number) => {
      received += bytes;
      if (received > maxBytes) {
        throw new HttpError('body_too_large', `The body has more than the ${maxBytes} bytes allowed.`);
      }
      share?.add(bytes);
    };
    const take = (chunk: Buffer) => {
      try {
        count(chunk.length);
        chunks.add(chunk);
      } catch (error) {
        // The rest flows on into nothing, so that the client comes to read the answer.
        body.off('data', take);
        chunks.clear();
        reject(error);
      }
    };
    body.on('data', take);
    body.once('end', () => resolve(chunks.join()));
    body.once('error', () => reject(new Img2ImgError('aborted', 'The client left while sending the body.')));
  });
}

/** What has come in, in little more memory than it has bytes. */
class Chunks {
  #pieces: Buffer[] = [];
  #block = Buffer.alloc(0);
  /** The part of the block that is not among the pieces yet. */
  #from = 0;
  #to = 0;

  add(chunk: Buffer): void {
    if (chunk.length >= SMALL_BYTES) {
      this.#endPiece();
      this.#pieces.push(chunk);
      return;
    }
    if (this.#to + chunk.length > this.#block.length) {
      this.#endPiece();
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.#from = 0;
      this.#to = 0;
    }
    this.#block.set(chunk, this.#to);
    this.#to += chunk.length;
  }

  join(): Buffer {
    this.#endPiece();
    return Buffer.concat(this.#pieces);
  }

  clear(): void {
    this.#pieces = [];
    this.#block = Buffer.alloc(0);
  }

  #endPiece(): void {
    if (this.#to > this.#from) this.#pieces.push(this.#block.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}
