/** Reads a body that is one piece, and stops keeping it where it is too large or there is no room for more of it. */
import type { Readable } from 'node:stream';
import { Img2ImgError } from '../../errors.js';
import type { ByteShare } from '../byte-budget.js';
import { HttpError } from '../problem.js';

/** @throws HttpError `body_too_large` · Img2ImgError `queue_full` as its share of the budget does, `aborted` */
export function readBody(body: Readable, maxBytes: number, share: ByteShare | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
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
        chunks.push(chunk);
      } catch (error) {
        // The rest flows on into nothing, so that the client comes to read the answer.
        body.off('data', take);
        chunks.length = 0;
        reject(error);
      }
    };
    body.on('data', take);
    body.once('end', () => resolve(Buffer.concat(chunks)));
    body.once('error', () => reject(new Img2ImgError('aborted', 'The client left while sending the body.')));
  });
}
