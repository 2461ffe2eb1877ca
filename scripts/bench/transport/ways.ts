/** Three ways to bring bytes to another process and back: fork's IPC, a pipe, files in shared memory. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { readFrame, writeFrame } from './frames.js';

/** Sends bytes, and gives those that came back. */
export interface Way {
  name: string;
  roundTrip(bytes: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

const ENTRY = new URL('./echo.js', import.meta.url);

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.disconnect();
  await exited;
}

/** What the engines use: a typed array in a message of `serialization: 'advanced'`. */
export function ipc(): Way {
  const child = fork(ENTRY, ['ipc'], { serialization: 'advanced' });
  return {
    name: 'fork IPC',
    async roundTrip(bytes) {
      const answered = once(child, 'message');
      child.send({ bytes });
      const [{ bytes: back }] = (await answered) as [{ bytes: Uint8Array }];
      return back;
    },
    close: () => end(child),
  };
}

/** Length and bytes on a socket pair beside the channel. */
export function pipe(): Way {
  const child = fork(ENTRY, ['pipe'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'] });
  const stream = child.stdio[4] as Duplex;
  return {
    name: 'raw pipe',
    async roundTrip(bytes) {
      writeFrame(stream, bytes);
      return readFrame(stream);
    },
    close: () => end(child),
  };
}

/** A file each way in memory; only its name goes over the channel. */
export async function sharedMemory(): Promise<Way> {
  const root = existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
  const folder = await mkdtemp(path.join(root, 'img2img-bench-'));
  const there = path.join(folder, 'there');
  const child = fork(ENTRY, ['files']);
  // Made once: a real ring would be kept as well.
  await (await open(there, 'w')).close();
  return {
    name: 'files in shared memory',
    async roundTrip(bytes) {
      await writeFile(there, bytes);
      const answered = once(child, 'message');
      child.send({ path: there });
      const [{ path: back }] = (await answered) as [{ path: string }];
      return readFile(back);
    },
    async close() {
      await end(child);
      await rm(folder, { recursive: true });
    },
  };
}
