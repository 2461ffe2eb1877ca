import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Catalogue, chooseDefault } from '../../src/bundles/catalogue.js';
import { type Discovered, discoverBundles, idOf } from '../../src/bundles/discovery.js';
import { FIXTURES } from '../bundle-fixtures.js';

const BUNDLES = ['tiny-day-night', 'tiny-day-night-staged', 'tiny-edge', 'tiny-sketch', 'tiny-sketch-staged'];

let models: string;
beforeEach(async () => {
  models = await mkdtemp(path.join(os.tmpdir(), 'models-'));
  await cp(FIXTURES, models, { recursive: true });
});
afterEach(async () => {
  await rm(models, { recursive: true });
});

const manifestPath = (): string => path.join(models, 'tiny-sketch', 'manifest.json');

async function editManifest(edit: (manifest: Record<string, unknown>) => void): Promise<void> {
  const manifest = JSON.parse(await readFile(manifestPath(), 'utf8'));
  edit(manifest);
  await writeFile(manifestPath(), JSON.stringify(manifest));
}

/** The reason the edited bundle was refused; the others must still be there. */
async function refusal(): Promise<string> {
  const entries = await discoverBundles(models);
  const ready = entries.filter(({ status }) => status === 'ready').map(idOf);
  expect(ready).toEqual(BUNDLES.filter((id) => id !== 'tiny-sketch'));
  const refused = entries.find(
    (entry): entry is Discovered & { status: 'failed' } => entry.status === 'failed',
  );
  expect(refused?.id).toBe('tiny-sketch');
  return refused?.reason ?? '';
}

async function emptyTokenizer(): Promise<string> {
  const file = path.join(models, 'shared', 'tiny', 'cpu-fp32', 'tokenizer.json');
  const tokenizer = JSON.parse(await readFile(file, 'utf8'));
  return JSON.stringify({
    ...tokenizer,
    added_tokens: [],
    model: { ...tokenizer.model, vocab: {}, merges: [] },
  });
}

describe('discovery', () => {
  it('finds every bundle, one for each kind and layout', async () => {
    const entries = await discoverBundles(models);
    expect(entries.map((entry) => (entry.status === 'ready' ? entry.bundle.id : entry.reason))).toEqual(
      BUNDLES,
    );
  });

  it('keeps a bundle whose copy comes before it in the folder', async () => {
    await cp(path.join(models, 'tiny-sketch'), path.join(models, 'a-copy'), { recursive: true });
    const entries = await discoverBundles(models);
    const catalogue = new Catalogue(entries);
    expect(catalogue.bundles().map(({ id }) => id)).toEqual(BUNDLES);
    expect(path.basename(catalogue.bundle('tiny-sketch').folder)).toBe('tiny-sketch');
    expect(() => catalogue.bundle('a-copy')).toThrow('the id "tiny-sketch" is taken by tiny-sketch');
  });

  it('never lets a refused folder take the place of a bundle with its name', () => {
    const [ready] = [{ status: 'ready', bundle: { id: 'x' } } as unknown as Discovered];
    const refused: Discovered = { status: 'failed', id: 'x', reason: 'no' };
    for (const entries of [
      [ready, refused],
      [refused, ready],
    ]) {
      expect(new Catalogue(entries).bundle('x').id).toBe('x');
    }
  });

  it('says so where the folder is not there, and finds nothing in an empty one', async () => {
    const folder = path.join(models, 'nowhere');
    await expect(discoverBundles(folder)).rejects.toThrow(`there is no folder ${folder}`);
    await mkdir(folder);
    expect(await discoverBundles(folder)).toEqual([]);
  });

  it('refuses a bundle whose manifest is no JSON', async () => {
    await writeFile(manifestPath(), '{');
    expect(await refusal()).toMatch(/manifest\.json is not JSON/);
  });

  it('refuses a manifest with a key it does not know, naming it', async () => {
    await editManifest((manifest) => {
      manifest.colour = 'red';
    });
    expect(await refusal()).toMatch(/colour/);
  });

  it('refuses a manifest of another version', async () => {
    await editManifest((manifest) => {
      manifest.schema = 2;
    });
    expect(await refusal()).toMatch(/schema/);
  });

  it.each([
    [
      'conditioning',
      { kind: 'edge', low_threshold: 300, high_threshold: 100 },
      'low_threshold 300 is above high_threshold 100',
    ],
    ['conditioning', { kind: 'edge', low_threshold: 300 }, 'low_threshold 300 is above high_threshold 200'],
    ['conditioning', { kind: 'edge', high_threshold: 50 }, 'low_threshold 100 is above high_threshold 50'],
    ['size', { min: 1000, max: 80 }, 'min 1000 is above max 80'],
    ['size', { min: 128 }, 'native size 64x64 does not lie between min 128 and max 1024'],
    ['size', { max: 56, min: 8 }, 'native size 64x64 does not lie between min 8 and max 56'],
    ['size', { native: [60, 64] }, 'native size must be a multiple of multiple_of'],
    ['latent', { downscale: 16 }, 'size.multiple_of 8 is no multiple of latent.downscale 16'],
  ])('refuses a manifest that contradicts itself: %s %j', async (key, change, reason) => {
    await editManifest((manifest) => {
      Object.assign(manifest[key] as object, change);
    });
    expect(await refusal()).toContain(reason);
  });

  it('lets a size that is the only one lie where others may not', async () => {
    await editManifest((manifest) => {
      Object.assign(manifest.size as object, { dynamic: false, min: 128 });
    });
    const entries = await discoverBundles(models);
    expect(entries.map(({ status }) => status)).not.toContain('failed');
  });

  it('refuses a bundle with a missing graph, naming the file', async () => {
    await rm(path.join(models, 'tiny-sketch', 'translator.onnx'));
    expect(await refusal()).toMatch(/translator\.onnx is missing/);
  });

  it('refuses a graph of another length', async () => {
    const graph = path.join(models, 'tiny-sketch', 'translator.onnx');
    await writeFile(graph, (await readFile(graph)).subarray(1));
    expect(await refusal()).toMatch(/translator\.onnx has \d+ bytes, the manifest says \d+/);
  });

  it('refuses a graph whose hash differs by one flipped bit', async () => {
    const graph = path.join(models, 'tiny-sketch', 'translator.onnx');
    const bytes = await readFile(graph);
    bytes[1_000] = (bytes[1_000] ?? 0) ^ 1;
    await writeFile(graph, bytes);
    expect(await refusal()).toMatch(
      /translator\.onnx has sha256 [0-9a-f]{64}, the manifest says [0-9a-f]{64}/,
    );
  });

  it.each([
    ['another thing', '{"a":1}', /tokenizer\.json is no tokenizer: .*"model"/],
    ['no JSON', 'hello', /tokenizer\.json is no tokenizer: .*not valid JSON/],
    ['without a word', undefined, /tokenizer\.json is no tokenizer: /],
  ])('refuses a tokenizer that is %s, although its hash is right', async (_what, given, reason) => {
    const text = given ?? (await emptyTokenizer());
    await writeFile(path.join(models, 'tiny-sketch', 'tokenizer.json'), text);
    await editManifest((manifest) => {
      const sha256 = createHash('sha256').update(text).digest('hex');
      Object.assign(manifest.tokenizer as object, { path: 'tokenizer.json', sha256, bytes: text.length });
    });
    expect(await refusal()).toMatch(reason);
  });

  it('refuses a path that leads outside the models folder', async () => {
    await editManifest((manifest) => {
      (manifest.tokenizer as { path: string }).path = '../../../etc/passwd';
    });
    expect(await refusal()).toMatch(/outside the models folder/);
  });

  it('refuses the second of two bundles with one id', async () => {
    await cp(path.join(models, 'tiny-sketch'), path.join(models, 'tiny-sketch-copy'), { recursive: true });
    const refused = (await discoverBundles(models)).filter(({ status }) => status === 'failed');
    expect(refused).toMatchObject([{ reason: expect.stringMatching(/"tiny-sketch" is taken/) }]);
  });
});

describe('the catalogue', () => {
  it('lists the models there are when it does not know one', async () => {
    const catalogue = new Catalogue(await discoverBundles(models));
    expect(() => catalogue.bundle('dragon')).toThrow(
      /no model "dragon".*tiny-day-night, tiny-day-night-staged/,
    );
  });

  it('says why a refused bundle is refused', async () => {
    await writeFile(manifestPath(), '{');
    const catalogue = new Catalogue(await discoverBundles(models));
    expect(() => catalogue.bundle('tiny-sketch')).toThrow(/was refused: manifest\.json is not JSON/);
  });

  it('does not refuse the bundle that took the place of one whose files differ', async () => {
    const [before, after] = [await discoverBundles(models), await discoverBundles(models)];
    const catalogue = new Catalogue(before);
    const replaced = catalogue.bundle('tiny-sketch');
    for (const entry of after) catalogue.replace(entry);
    catalogue.refuse(replaced, 'its files differ');
    expect(catalogue.bundle('tiny-sketch')).not.toBe(replaced);
    catalogue.refuse(catalogue.bundle('tiny-sketch'), 'its files differ');
    expect(() => catalogue.bundle('tiny-sketch')).toThrow('its files differ');
  });

  it('takes a sketch bundle where nobody names one', async () => {
    const catalogue = new Catalogue(await discoverBundles(models));
    expect(chooseDefault(catalogue.bundles(), undefined)).toBe('tiny-sketch');
    expect(chooseDefault(catalogue.bundles(), 'tiny-edge')).toBe('tiny-edge');
  });
});
