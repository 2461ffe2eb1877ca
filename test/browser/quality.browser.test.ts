import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { BrowserContextOptions } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { PHONE, StudioPage } from './studio-page.js';
import { browser, server, useServerAndBrowser } from './studio-under-test.js';

const ASSETS = fileURLToPath(new URL('../../dist/web/assets/', import.meta.url));

useServerAndBrowser();

const looks: [string, BrowserContextOptions][] = [
  ['desktop, light', { colorScheme: 'light' }],
  ['desktop, dark', { colorScheme: 'dark' }],
  ['tablet, light', { viewport: { width: 834, height: 1112 }, hasTouch: true }],
  ['phone, light', { ...PHONE, colorScheme: 'light' }],
  ['phone, dark', { ...PHONE, colorScheme: 'dark' }],
];

describe.each(looks)('%s', (_, options) => {
  test('axe finds nothing, empty, drawn, with variations, problems, dialogs and other models', async () => {
    const studio = await StudioPage.open(browser, `${server.url}#seed=7`, {
      ...options,
      reducedMotion: 'reduce',
    });
    const { page } = studio;
    expect(await studio.violations(), 'empty').toEqual([]);
    await page.locator('#example').click();
    await studio.picture();
    await page.locator('.chip', { hasText: 'Anime' }).click();
    await page.locator('#template').fill('a {prompt}!');
    await expect.poll(() => page.locator('#history button').count()).toBeGreaterThan(0);
    await page
      .locator('#file')
      .setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('?') });
    await page.locator('.notice').waitFor();
    expect(await studio.violations(), 'drawn, with a problem').toEqual([]);
    await page.locator('#variations').click();
    await expect.poll(() => page.locator('#contact-prints button').count()).toBe(4);
    expect(await studio.violations(), 'variations').toEqual([]);
    await page.locator('#contact-close').click();
    await page.locator('#history-clear').click();
    expect(await studio.violations(), 'clearing').toEqual([]);
    await page.locator('#history-keep').click();
    await page.keyboard.press('Shift+?');
    await page.locator('#help-dialog').waitFor();
    expect(await studio.violations(), 'help').toEqual([]);
    await page.keyboard.press('Escape');
    await page.locator('#about summary').click();
    await page.locator('#model').selectOption('tiny-edge');
    expect(await studio.violations(), 'edges').toEqual([]);
    await page.locator('#model').selectOption('tiny-day-night');
    await page.locator('#compare').click();
    expect(await studio.violations(), 'day and night').toEqual([]);
    await page.locator('#theme').click();
    expect(await studio.violations(), 'the other theme').toEqual([]);
    await studio.close();
    expect(studio.faults).toEqual([]);
  });

  test('nothing sticks out sideways, and targets are large enough for a finger', async () => {
    const studio = await StudioPage.open(browser, server.url, { ...options, reducedMotion: 'reduce' });
    await studio.page.locator('#example').click();
    await studio.picture();
    const sideways = await studio.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(sideways).toBeLessThanOrEqual(0);
    const small = await studio.page.evaluate(
      (least) =>
        [...document.querySelectorAll<HTMLElement>('button, select, input[type="text"], .chip')]
          .filter((element) => element.checkVisibility())
          .map((element) => ({ id: element.id || element.textContent, box: element.getBoundingClientRect() }))
          .filter(({ box }) => box.width < least || box.height < least)
          .map(({ id, box }) => `${id}: ${box.width}×${box.height}`),
      options.isMobile ? 30 : 24,
    );
    expect(small).toEqual([]);
    await studio.close();
  });
});

test('the script is under 100 kB gzipped, and assets are cached for good under hashed names', async () => {
  const files = await readdir(ASSETS);
  const scripts = files.filter((file) => file.endsWith('.js'));
  const sizes = await Promise.all(
    scripts.map(async (file) => gzipSync(await readFile(`${ASSETS}${file}`)).length),
  );
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000);
  for (const file of files) expect(file).toMatch(/-[\w-]{8}\.(js|css|js\.map|jpg)$/);
  const asset = await fetch(`${server.url}assets/${scripts[0]}`);
  expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect((await fetch(server.url)).headers.get('cache-control')).toBe('no-cache');
});

test('the policy allows nothing inline and nothing from elsewhere, and the page obeys it', async () => {
  const policy = (await fetch(server.url)).headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toContain('unsafe');
  const studio = await StudioPage.open(browser, server.url, { reducedMotion: 'reduce' });
  // Chromium tells breaches of the policy in the console, where `faults` listens.
  await studio.page.locator('#example').click();
  await studio.picture();
  await studio.page.locator('#variations').click();
  await expect.poll(() => studio.page.locator('#contact-prints button').count()).toBe(4);
  await studio.download('#save-picture');
  await studio.close();
  expect(studio.faults).toEqual([]);
});

test('who prefers less motion gets the example at once', async () => {
  const studio = await StudioPage.open(browser, server.url, { reducedMotion: 'reduce' });
  await studio.page.locator('#example').click();
  const undo = studio.page.locator('#undo');
  let strokes = 0;
  while ((await undo.getAttribute('aria-disabled')) === 'false') {
    await undo.click();
    strokes++;
  }
  expect(strokes).toBeGreaterThan(4);
  await studio.close();
});
