/** Entry of the other process of the transport part: sends back what it gets, the way it got it. */
import { readSync, writeSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { readFrame, writeFrame } from './frames.js';

/** The file descriptor of the pipe, or of the file, that `ways.ts` opens beside the channel. */
const BESIDE = 4;

async function echoFrames(): Promise<void> {
  const socket = new net.Socket({ fd: BESIDE });
  for (;;) writeFrame(socket, await readFrame(socket));
}

switch (process.argv[2]) {
  case 'ipc':
    process.on('message', (message: { bytes: Uint8Array }) => process.send?.({ bytes: message.bytes }));
    break;
  case 'pipe':
    void echoFrames();
    break;
  case 'file': {
    let buffer = Buffer.alloc(0);
    process.on('message', ({ length }: { length: number }) => {
      if (buffer.length < length) buffer = Buffer.allocUnsafeSlow(length);
      readSync(BESIDE, buffer, 0, length, 0);
      writeSync(BESIDE, buffer, 0, length, 0);
      process.send?.({ length });
    });
    break;
  }
  default:
    process.on('message', async ({ path }: { path: string }) => {
      const back = `${path}.back`;
      await writeFile(back, await readFile(path));
      process.send?.({ path: back });
    });
}
process.on('disconnect', () => process.exit(0));
