/** The images that clients send: the repository's own hand-drawn sketches, as the JPEG an app would send. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const FOLDER = /\/dist\/bench\//.test(import.meta.url) ? '../../../../docs/samples/' : '../../docs/samples/';
const SAMPLES = fileURLToPath(new URL(FOLDER, import.meta.url));

/** Different drawings, so that nothing that remembers the last one has an easy time. */
export async function loadSamples(side: number): Promise<Buffer[]> {
  const names = (await readdir(SAMPLES)).filter((name) => name.endsWith('.png')).sort();
  return Promise.all(
    names.map((name) =>
      sharp(path.join(SAMPLES, name))
        .resize(side, side)
        .flatten({ background: 'white' })
        .jpeg({ quality: 92 })
        .toBuffer(),
    ),
  );
}

/** Prompts that a few users would type: some are asked for again, as in life. */
export const PROMPTS = [
  'duck',
  'a blue duck',
  'house',
  'a red house',
  'swan',
  'rabbit',
  'cat',
  'a green cat',
];
