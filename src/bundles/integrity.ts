/** Compares files with the sha256 their manifest promises, each file once however many bundles share it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { ResolvedFile } from './bundle.js';
import { LastingLoadError } from './lasting-load-error.js';

/** Digests by path, size and modification time: a changed file is hashed again. */
const digests = new Map<string, Promise<string>>();

/**
 * @param name how messages call the file
 * @throws LastingLoadError when the file's sha256 is not the one promised; any other Error where it cannot be read
 */
export async function verifyFile(file: ResolvedFile, name: string): Promise<void> {
  const { size, mtimeMs } = await stat(file.path);
  const key = `${file.path}\0${size}\0${mtimeMs}`;
  let digest = digests.get(key);
  if (digest === undefined) {
    digest = sha256(file.path);
    digests.set(key, digest);
    digest.catch(() => digests.delete(key));
  }
  const actual = await digest;
  if (actual !== file.sha256) {
    throw new LastingLoadError(`${name} has sha256 ${actual}, the manifest says ${file.sha256}`);
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  return hash.digest('hex');
}
