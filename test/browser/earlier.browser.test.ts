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

test('one made long ago brings its drawing back as the newest do', async () => {
  const { page } = studio;
  await drawLine();
  await expectPrints(1);
  const drawn = await studio.picture();
  for (let line = 1; line <= 4; line++) {
    await studio.stroke([0.1, line / 6], [0.9, line / 6]);
    await expectPrints(line + 1);
  }
  await page.locator('#clear').click();
  await prints().last().click();
  await expect.poll(() => studio.picture()).toBe(drawn);
  expect(await studio.brightness([0.15, 1 / 6])).toBe(255);
});

test('one whose drawing another tab has let go brings back its settings, and says so', async () => {
  const { page } = studio;
  await page.locator('#prompt').fill('a castle');
  await drawLine();
  await expectPrints(1);
  await page.locator('#prompt').fill('a fox');
  await expectPrints(2);
  await reload();
  await expectPrints(2);
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const opening = indexedDB.open('img2img-earlier');
        opening.onsuccess = () => {
          const { transaction } = opening.result
            .transaction('records', 'readwrite')
            .objectStore('records')
            .clear();
          if (transaction) transaction.oncomplete = () => resolve();
        };
      }),
  );
  const ink = await studio.brightness([0.5, 0.8]);
  await prints().last().click();
  await expect.poll(() => page.locator('.toast').textContent()).toMatch(/Only its settings/);
  expect(await page.locator('#prompt').inputValue()).toBe('a castle');
  expect(await studio.brightness([0.5, 0.8])).toBe(ink);
});

test('their drawings are not all held in memory', async () => {
  const { page } = studio;
  await page.evaluate(() => {
    const points = (row: number) =>
      Array.from({ length: 60 }, (_, step) => [20.25 + step * 8, row / 5 + 0.25, 0.5]);
    const operations = Array.from({ length: 2_000 }, (_, row) => ({
      kind: 'stroke',
      tool: 'pen',
      width: 2,
      pressure: false,
      points: points(row),
    }));
    // After the page's own last words.
    document.addEventListener('visibilitychange', () =>
      sessionStorage.setItem('img2img-drawing', JSON.stringify(operations)),
    );
  });
  await reload();
  const session = await page.context().newCDPSession(page);
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    return (await session.send('Runtime.getHeapUsage')).usedSize / 1e6;
  };
  await expectPrints(1);
  for (let line = 2; line <= 6; line++) {
    await page.locator('#prompt').fill(`${line}`);
    await expectPrints(line);
  }
  const before = await heap();
  await reload();
  await expectPrints(6);
  await studio.picture();
  await studio.rest(1_500);
  // A drawing takes seven megabytes; there is the sheet's.
  expect((await heap()) - before).toBeLessThan(10);
});
