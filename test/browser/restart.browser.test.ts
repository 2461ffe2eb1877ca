/** A page that stays open while the server starts again with other bundles in its folder. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { BUNDLES, RealServer } from './real-server.js';
import { launch, StudioPage } from './studio-page.js';

let browser: Browser;
let folder: string;
let server: RealServer;
let studio: StudioPage;

beforeAll(async () => {
  browser = await launch();
});

afterAll(() => browser.close());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'studio-models-'));
  server = new RealServer(folder);
});

afterEach(async () => {
  await studio.close();
  await server.stop();
  await rm(folder, { recursive: true });
  // A server that has just started may be too busy to answer at once.
  expect(studio.faults.filter((fault) => !fault.includes('status of 503'))).toEqual([]);
});

const put = (...names: string[]) =>
  Promise.all(
    ['shared', ...names].map((name) => cp(join(BUNDLES, name), join(folder, name), { recursive: true })),
  );
const open = async (settings = '#seed=7') => {
  await server.start();
  studio = await StudioPage.open(browser, `${server.url}${settings}`, { reducedMotion: 'reduce' });
};
const restart = async () => {
  const { page } = studio;
  await server.kill();
  await page.locator('#connection[data-state="waiting"]').waitFor();
  await server.start();
  await page.locator('#connection[data-state="live"]').waitFor();
};
const models = () =>
  studio.page
    .locator('#model option')
    .evaluateAll((all) => all.map((each) => (each as HTMLOptionElement).value));

test('has a new model in its list after the restart, and all that was set and drawn', async () => {
  await put('tiny-sketch');
  await open('#seed=7&style=anime&prompt=a+castle&gamma=0.5');
  const { page } = studio;
  await studio.stroke([0.2, 0.2], [0.8, 0.3], [0.5, 0.8]);
  await page.locator('#template').fill('a tiny {prompt}');
  const before = await studio.picture();
  await put('tiny-day-night');
  await restart();
  await expect.poll(models).toEqual(['tiny-day-night', 'tiny-sketch']);
  expect(await page.locator('#model').inputValue()).toBe('tiny-sketch');
  expect(await page.locator('#template').inputValue()).toBe('a tiny {prompt}');
  expect(await page.locator('.chip', { hasText: 'Anime' }).locator('input').isChecked()).toBe(true);
  expect(page.url()).toMatch(/castle.*gamma=0.5&seed=7$/);
  expect(await studio.picture()).toBe(before);
  await page.locator('#model').selectOption('tiny-day-night');
  await expect.poll(() => studio.picture()).not.toBe(before);
});

test('draws with another model where its own is gone, and says so', async () => {
  await put('tiny-sketch', 'tiny-edge');
  await open('#model=tiny-edge&seed=7');
  const { page } = studio;
  await studio.stroke([0.2, 0.2], [0.8, 0.3], [0.5, 0.8]);
  await studio.picture();
  await rm(join(folder, 'tiny-edge'), { recursive: true });
  await restart();
  await expect
    .poll(() => page.locator('.toast').textContent())
    .toMatch(/not there any more.*model “tiny-edge”/);
  expect(await models()).toEqual(['tiny-sketch']);
  expect(await page.locator('#model').inputValue()).toBe('tiny-sketch');
  await studio.stroke([0.1, 0.9], [0.9, 0.9]);
  await expect.poll(() => page.locator('#result').getAttribute('aria-label')).toMatch(/seed 7/);
  await expect.poll(() => studio.text('#notices')).toBe('');
});

test('comes alive where there was no model at all', async () => {
  await open();
  const { page } = studio;
  await expect.poll(() => studio.text('#notices')).toMatch(/no model to draw with/);
  await studio.stroke([0.2, 0.2], [0.8, 0.3], [0.5, 0.8]);
  await put('tiny-sketch');
  await restart();
  await expect.poll(models).toEqual(['tiny-sketch']);
  expect(await studio.picture()).toMatch(/^64x64/);
  expect(await studio.text('#notices')).toBe('');
  expect(await page.locator('#gamma').isVisible()).toBe(true);
});

test('tells of a bundle that cannot be used where touch and keyboard see it', async () => {
  await put('tiny-sketch', 'tiny-edge');
  await writeFile(join(folder, 'tiny-edge', 'manifest.json'), '{}');
  await open();
  const { page } = studio;
  expect(await studio.text('#unusable summary')).toBe('1 more cannot be used');
  await page.locator('#unusable summary').press('Enter');
  expect(await page.locator('#unusable-reasons').isVisible()).toBe(true);
  expect(await studio.text('#unusable-reasons')).toMatch(/^tiny-edge: .*manifest/);
  expect(await studio.violations()).toEqual([]);
});
