import { mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutFolder } from '../../src/bundles/without-folder.js';

let real: string;
let link: string;
beforeAll(() => {
  real = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'models here-')));
  link = `${real}-link`;
  symlinkSync(real, link);
});
afterAll(() => {
  rmSync(link);
  rmSync(real, { recursive: true });
});

describe('a message without the folder of the models', () => {
  it('has its files by their place in there, reached by a link or not', () => {
    const message = `Load model from ${link}/duck/translator.onnx failed: no ${real}/shared/weights.data.`;
    const told = 'Load model from duck/translator.onnx failed: no shared/weights.data.';
    expect(withoutFolder(message, link)).toBe(told);
    expect(withoutFolder(message, path.relative(process.cwd(), link))).toBe(told);
  });

  it('has a word for the folder itself', () => {
    expect(withoutFolder(`EACCES: permission denied, scandir '${real}'`, real)).toBe(
      "EACCES: permission denied, scandir 'MODELS_DIR'",
    );
  });

  it('is what it was where the folder is the root, or not there', () => {
    expect(withoutFolder('duck/translator.onnx is missing', '/')).toBe('duck/translator.onnx is missing');
    expect(withoutFolder('no memory', '/nowhere/models')).toBe('no memory');
  });
});
