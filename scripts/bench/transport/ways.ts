/** Ways to bring bytes to another process and back: fork's IPC, a pipe, files in shared memory, one file both hold open. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
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

/**
 * One file in memory that both processes hold open and that has no name: written and read at once, into buffers that are
 * kept; only a length goes over the channel.
 */
export function sharedFile(): Way {
  const name = path.join(memoryFolder(), `img2img-bench-${process.pid}`);
  const file = openSync(name, 'wx+', 0o600);
  unlinkSync(name);
  const child = fork(ENTRY, ['file'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc', file] });
  let back = Buffer.alloc(0);
  return {
    name: 'one open file in shared memory',
    async roundTrip(bytes) {
      writeSync(file, bytes, 0, bytes.length, 0);
      const answered = once(child, 'message');
      child.send({ length: bytes.length });
      await answered;
      if (back.length < bytes.length) back = Buffer.allocUnsafeSlow(bytes.length);
      readSync(file, back, 0, bytes.length, 0);
      return back.subarray(0, bytes.length);
    },
    async close() {
      await end(child);
      closeSync(file);
    },
  };
}

function memoryFolder(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
}

/** A file each way in memory; only its name goes over the channel. */
export async function sharedMemory(): Promise<Way> {
  const folder = await mkdtemp(path.join(memoryFolder(), 'img2img-bench-'));
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
