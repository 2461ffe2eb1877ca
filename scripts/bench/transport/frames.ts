/** Messages on a byte stream: four bytes of length, then the bytes. */
import type { Duplex } from 'node:stream';

export function writeFrame(stream: Duplex, bytes: Uint8Array): void {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(bytes.length);
  stream.cork();
  stream.write(head);
  stream.write(bytes);
  stream.uncork();
}

/** The next message; only one may be waited for at a time, and none may follow it unasked. */
export function readFrame(stream: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    let body: Buffer | undefined;
    let filled = 0;
    const done = (message: Buffer): void => {
      stream.off('data', onData);
      stream.off('error', reject);
      resolve(message);
    };
    const onData = (chunk: Buffer): void => {
      let rest = chunk;
      if (body === undefined) {
        head = Buffer.concat([head, rest]);
        if (head.length < 4) return;
        body = Buffer.allocUnsafe(head.readUInt32LE());
        rest = head.subarray(4);
      }
      rest.copy(body, filled);
      filled += rest.length;
      if (filled >= body.length) done(body);
    };
    stream.on('data', onData);
    stream.on('error', reject);
  });
}
