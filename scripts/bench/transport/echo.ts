/** Entry of the other process of the transport part: sends back what it gets, the way it got it. */
import { readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { readFrame, writeFrame } from './frames.js';

/** The file descriptor of the pipe that `ways.ts` opens beside the channel. */
const PIPE = 4;

async function echoFrames(): Promise<void> {
  const socket = new net.Socket({ fd: PIPE });
  for (;;) writeFrame(socket, await readFrame(socket));
}

switch (process.argv[2]) {
  case 'ipc':
    process.on('message', (message: { bytes: Uint8Array }) => process.send?.({ bytes: message.bytes }));
    break;
  case 'pipe':
    void echoFrames();
    break;
  default:
    process.on('message', async ({ path }: { path: string }) => {
      const back = `${path}.back`;
      await writeFile(back, await readFile(path));
      process.send?.({ path: back });
    });
}
process.on('disconnect', () => process.exit(0));
