import sharp from 'sharp';
import { expect, test } from 'vitest';
import { drawLine, studio, useStudio } from './studio-under-test.js';

useStudio({ reducedMotion: 'reduce' });

const prints = () => studio.page.locator('#history button');
const expectPrints = (count: number) => expect.poll(() => prints().count()).toBe(count);
const reload = async () => {
  await studio.page.reload();
  await studio.page.locator('#connection[data-state="live"]').waitFor();
};

test('earlier pictures outlive a reload, with their drawings, placed pictures and settings', async () => {
  const { page } = studio;
  await drawLine();
  await expectPrints(1);
  const drawn = await studio.picture();
  const buffer = await sharp({ create: { width: 300, height: 300, channels: 3, background: '#203080' } })
    .png()
    .toBuffer();
  await page.locator('#file').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer });
  await page.locator('#prompt').fill('a castle');
  await expectPrints(2);
  const bare = [0.9, 0.9] as const;
  const placed = await studio.brightness(bare);
  expect(placed).toBeLessThan(255);
  await page.locator('#clear').click();
  await page.locator('#prompt').fill('a fox');
  await reload();
  await expectPrints(2);
  expect(await studio.picture()).toBe('none');
  await prints().first().click();
  await expect.poll(() => studio.brightness(bare)).toBeLessThan(placed + 6);
  expect(await page.locator('#prompt').inputValue()).toBe('a castle');
  expect(await studio.picture()).toMatch(/^64x64/);
  await prints().last().click();
  await expect.poll(() => studio.brightness(bare)).toBe(255);
  await expect.poll(() => studio.picture()).toBe(drawn);
  await page.locator('#undo').click();
  await expect.poll(() => studio.brightness(bare)).toBeLessThan(placed + 6);
});

test('they are cleared when it is asked for and confirmed, for good', async () => {
  const { page } = studio;
  await drawLine();
  await expectPrints(1);
  await page.locator('#history-clear').click();
  await page.locator('#history-keep').click();
  await expectPrints(1);
  await page.locator('#history-clear').click();
  await page.locator('#history-drop').click();
  await page.locator('#history-tray').waitFor({ state: 'hidden' });
  await expect.poll(() => studio.text('#announcer')).toBe('Earlier pictures cleared.');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('pad');
  await page.locator('#clear').click();
  await reload();
  await studio.rest(500);
  await expectPrints(0);
});

test('where there is no room, the oldest makes it', async () => {
  const { page } = studio;
  const labels = () =>
    prints().evaluateAll((buttons) => buttons.map((button) => button.getAttribute('aria-label') ?? ''));
  await drawLine();
  for (const prompt of ['first', 'second']) {
    await page.locator('#prompt').fill(prompt);
    await expect.poll(async () => (await labels())[0]).toContain(prompt);
  }
  const { length } = await labels();
  await page.evaluate(() => {
    const { add } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.add = () => {
      IDBObjectStore.prototype.add = add;
      throw new DOMException('', 'QuotaExceededError');
    };
  });
  await page.locator('#prompt').fill('third');
  await expectPrints(length + 1);
  const kept = (await labels()).slice(0, length);
  await page.locator('#clear').click();
  await reload();
  await expectPrints(length);
  expect(await labels()).toEqual(kept);
});

test('where storage is switched off, they last as long as the page', async () => {
  const { page } = studio;
  await page.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException('', 'SecurityError');
    };
  });
  await reload();
  await drawLine();
  await expectPrints(1);
  const drawn = await studio.picture();
  await page.locator('#clear').click();
  await prints().first().click();
  await expect.poll(() => studio.picture()).toBe(drawn);
});
