import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Img2ImgError } from '../../src/errors.js';
import { applyStyle, loadStyles } from '../../src/prompts/styles.js';

const folder = mkdtempSync(join(tmpdir(), 'styles-'));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function failure(run: () => unknown): Img2ImgError {
  try {
    run();
  } catch (error) {
    if (error instanceof Img2ImgError) return error;
    throw error;
  }
  throw new Error('did not fail');
}

describe('styles', () => {
  it('are nine as shipped', () => {
    const titles = loadStyles().map(({ title }) => title);
    expect(titles).toEqual([
      'Cinematic',
      '3D Model',
      'Anime',
      'Digital Art',
      'Photographic',
      'Pixel Art',
      'Fantasy Art',
      'Neonpunk',
      'Manga',
    ]);
  });

  it('put the prompt where their template says, whatever it holds', () => {
    const styles = [{ id: 'x', title: 'X', template: 'art of {prompt}, by {prompt}' }];
    expect(applyStyle(styles, 'x', 'a $& {prompt} cat')).toBe(
      'art of a $& {prompt} cat, by a $& {prompt} cat',
    );
    expect(applyStyle(styles, undefined, 'a cat')).toBe('a cat');
    expect(applyStyle(styles, undefined, 'a cat', 'photo of {prompt}')).toBe('photo of a cat');
    expect(applyStyle(styles, 'x', '', 'photo of {prompt}')).toBe('art of , by ');
  });

  it('that are not there are refused with those that are', () => {
    const error = failure(() => applyStyle(loadStyles(), 'cubist', 'a cat'));
    expect(error.code).toBe('unknown_style');
    expect(error.message).toContain('cubist');
    expect(error.message).toContain('cinematic, 3d-model');
    expect(error.details.available).toHaveLength(9);
  });

  it('are replaced by a user’s own file', () => {
    const path = file('own.json', '[{"id":"ink","title":"Ink","template":"ink of {prompt}"}]');
    expect(applyStyle(loadStyles(path), 'ink', 'a cat')).toBe('ink of a cat');
  });

  it('of a bad file stop with a sentence that names file and fault', () => {
    const bad: [string, string, string][] = [
      ['text.json', 'nine styles', 'is not JSON'],
      ['object.json', '{}', 'does not hold together: it must be a JSON array of {'],
      [
        'template.json',
        '[{"id":"ink","title":"Ink","template":"ink"}]',
        '[0].template: must contain {prompt}',
      ],
      [
        'twice.json',
        JSON.stringify(Array(2).fill({ id: 'a', title: 'A', template: '{prompt}' })),
        '"a" stands twice',
      ],
      ['extra.json', '[{"id":"a","title":"A","template":"{prompt}","negative":"x"}]', 'negative'],
    ];
    for (const [name, text, fault] of bad) {
      const path = file(name, text);
      const error = failure(() => loadStyles(path));
      expect(error.code).toBe('invalid_config');
      expect(error.message).toContain(`STYLES_FILE: ${path} `);
      expect(error.message).toContain(fault);
    }
    expect(failure(() => loadStyles(join(folder, 'none.json'))).message).toContain('cannot be read');
  });
});
