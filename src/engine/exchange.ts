/**
 * Where images lie on their way between the server and an engine: a file in memory, without a name, that both hold open.
 *
 * A message of fork's IPC is copied six times and leaves garbage of several times its size on either side; here a write
 * and a read into place are all, and only offset and length travel. Measured in scripts/bench/transport.
 */
import { closeSync, existsSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { borrow } from '../picture-memory.js';

/** A part of the file, in bytes. Held by one request from `put` to `release`. */
export interface Region {
  offset: number;
  length: number;
}

/** The file's descriptor in the engine process: the first after stdin, stdout, stderr and the channel. */
export const EXCHANGE_FD = 4;

/** The largest the file becomes; containers often have no more than 64 MB of shared memory. */
const MAX_BYTES = 48 * 2 ** 20;

/** The server's side. */
export class Exchange {
  readonly fd: number;
  readonly #maxBytes: number;
  /** By offset, not overlapping. */
  #held: Region[] = [];
  #closed = false;

  private constructor(fd: number, maxBytes: number) {
    this.fd = fd;
    this.#maxBytes = maxBytes;
  }

  /** @returns undefined where no such file can be had: then images go with their message */
  static open(maxBytes = MAX_BYTES): Exchange | undefined {
    const folder = existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
    const name = path.join(folder, `img2img-${process.pid}-${process.hrtime.bigint()}`);
    try {
      const fd = openSync(name, 'wx+', 0o600);
      unlinkSync(name);
      return new Exchange(fd, maxBytes);
    } catch {
      return undefined;
    }
  }

  /** Writes bytes into a free region. @returns undefined where there is no room */
  put(bytes: Uint8Array): Region | undefined {
    const region = { offset: this.#freeOffset(bytes.length), length: bytes.length };
    if (this.#closed || region.offset + region.length > this.#maxBytes) return undefined;
    try {
      writeRegion(this.fd, region, bytes);
    } catch {
      // The file system behind it is full.
      return undefined;
    }
    this.#held = [...this.#held, region].sort((a, b) => a.offset - b.offset);
    return region;
  }

  /** What the engine wrote. @throws Error when the file holds less */
  take(region: Region): Uint8Array {
    return readRegion(this.fd, region);
  }

  /** The region may be given to another request. */
  release(region: Region): void {
    this.#held = this.#held.filter((other) => other !== region);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.fd);
  }

  /** First fit: at most a few regions are held at a time. */
  #freeOffset(length: number): number {
    let offset = 0;
    for (const region of this.#held) {
      if (region.offset - offset >= length) break;
      offset = region.offset + region.length;
    }
    return offset;
  }
}

export function writeRegion(fd: number, { offset, length }: Region, bytes: Uint8Array): void {
  for (let done = 0; done < length; ) done += writeSync(fd, bytes, done, length - done, offset + done);
}

/** @returns a buffer of its own, borrowed, which may be handed to a thread */
export function readRegion(fd: number, { offset, length }: Region): Uint8Array<ArrayBuffer> {
  const bytes = borrow(length);
  for (let done = 0; done < length; ) {
    const read = readSync(fd, bytes, done, length - done, offset + done);
    if (read === 0) throw new Error(`the exchange ends at ${offset + done}, ${length - done} bytes short`);
    done += read;
  }
  return bytes;
}
