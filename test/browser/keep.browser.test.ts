import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { photograph } from './photograph.js';
import { drawLine, studio, useStudio } from './studio-under-test.js';

useStudio();

test('the drawing and its settings outlive a reload, undo included', async () => {
  await drawLine();
  await studio.page.locator('.chip', { hasText: 'Anime' }).click();
  await studio.stroke([0.1, 0.9], [0.9, 0.9]);
  const before = await studio.picture();
  await studio.page.reload();
  await studio.page.locator('#connection[data-state="live"]').waitFor();
  await expect.poll(() => studio.picture()).toBe(before);
  await studio.page.keyboard.press('Control+z');
  await expect.poll(() => studio.picture()).not.toBe(before);
});

test('a placed picture outlives a reload, with what was drawn over it', async () => {
  const { page } = studio;
  await page
    .locator('#file')
    .setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: await photograph(1600, 1200) });
  const bare = [0.5, 0.5] as const;
  const paper = 255;
  await expect.poll(() => studio.brightness(bare)).toBeLessThan(paper);
  const placed = await studio.brightness(bare);
  await drawLine();
  // Left before it was encoded, it would be lost.
  await page.waitForFunction(() => sessionStorage.getItem('img2img-drawing')?.includes('"data"'));
  // As many pixels as a sheet that it covers can show.
  const kept = await page.evaluate(async () => {
    const urls = Object.values(sessionStorage).filter((value) => value.startsWith('data:image'));
    const image = new Image();
    image.src = urls.join();
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  });
  expect(kept).toEqual([1365, 1024]);
  await page.reload();
  await page.locator('#connection[data-state="live"]').waitFor();
  expect(await studio.picture()).not.toBe('none');
  expect(Math.abs((await studio.brightness(bare)) - placed)).toBeLessThan(6);
  await page.keyboard.press('Control+z');
  await page.keyboard.press('Control+z');
  await expect.poll(() => studio.brightness(bare)).toBe(paper);
});

test('with a stroke, pictures are not written again, and those let go are not kept', async () => {
  const { page } = studio;
  const written = () =>
    page.evaluate(() =>
      Object.entries(sessionStorage)
        .filter(([, value]) => value.startsWith('data:image'))
        .map(([key]) => key),
    );
  const upload = async (background: string) => {
    const before = await written();
    const buffer = await sharp({ create: { width: 400, height: 400, channels: 3, background } })
      .png()
      .toBuffer();
    await page.locator('#file').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer });
    await expect.poll(written).not.toEqual(before);
  };
  for (const background of ['#101010', '#202020', '#303030', '#404040', '#505050']) await upload(background);
  expect(await written()).toHaveLength(4);
  await page.evaluate(() => {
    const { setItem } = Storage.prototype;
    Storage.prototype.setItem = function (key, value) {
      document.body.dataset.lengths = `${document.body.dataset.lengths ?? ''} ${value.length}`;
      setItem.call(this, key, value);
    };
  });
  await studio.stroke([0.1, 0.9], [0.9, 0.9]);
  const lengths = async () =>
    ((await page.locator('body').getAttribute('data-lengths')) ?? '').trim().split(' ').map(Number);
  await expect.poll(async () => (await lengths())[0]).toBeGreaterThan(0);
  expect(Math.max(...(await lengths()))).toBeLessThan(5_000);
  await page.locator('#clear').click();
  await studio.rest(600);
  await page.reload();
  await page.locator('#connection[data-state="live"]').waitFor();
  expect(await studio.brightness([0.5, 0.5])).toBe(255);
  // Twice: the clearing, and the stroke.
  for (const _ of ['clear', 'stroke']) await page.locator('#undo').click();
  await expect.poll(() => studio.brightness([0.5, 0.5])).toBe(0x50);
  await page.locator('#undo').click();
  await expect.poll(() => studio.brightness([0.5, 0.5])).toBe(0x40);
});

describe('of a sheet with a thousand strokes', () => {
  const STROKES = 1_000;
  const reload = async () => {
    await studio.page.reload();
    await studio.page.locator('#connection[data-state="live"]').waitFor();
  };
  /** Beside one at the left, thin ones of forty points, as an hour leaves them. */
  const fill = async () => {
    await studio.page.evaluate((count) => {
      const operations = Array.from({ length: count }, (_, index) => ({
        kind: 'stroke',
        tool: 'pen',
        width: index === 0 ? 30 : 2,
        pressure: false,
        points: Array.from({ length: 40 }, (_, step) => [
          index === 0 ? 50 : 200.25 + (index % 100) * 3,
          20.25 + step * 10,
          0.5,
        ]),
      }));
      // After the page's own last words.
      document.addEventListener('visibilitychange', () =>
        sessionStorage.setItem('img2img-drawing', JSON.stringify(operations)),
      );
    }, STROKES);
    await reload();
    // What was put there in one piece is written anew with the first stroke.
    await studio.stroke([0.3, 0.97], [0.9, 0.97]);
    await studio.page.waitForFunction(() => sessionStorage.getItem('img2img-drawing')?.includes('"parts"'));
    await studio.page.evaluate(() => {
      const { setItem } = Storage.prototype;
      Storage.prototype.setItem = function (key, value) {
        const written = Number(document.body.dataset.written ?? 0) + value.length;
        document.body.dataset.written = String(written);
        setItem.call(this, key, value);
      };
    });
  };
  const written = async () => Number((await studio.page.locator('body').getAttribute('data-written')) ?? 0);

  test('another is written, not all of them; nothing while it is drawn; and all of them outlive a reload', async () => {
    const { page } = studio;
    await fill();
    await studio.stroke([0.3, 0.9], [0.9, 0.9]);
    await studio.beginStroke([0.3, 0.93], [0.9, 0.93]);
    await studio.rest(1_500);
    expect(await written()).toBe(0);
    await page.mouse.up();
    await expect.poll(written).toBeGreaterThan(1_000);
    await studio.rest(1_000);
    // Of 700,000 characters.
    expect(await written()).toBeLessThan(200_000);
    await reload();
    expect(await studio.brightness([0.1, 0.5])).toBe(0);
    await expect.poll(() => studio.brightness([0.5, 0.93])).toBe(0);
    await page.locator('#undo').click();
    await page.locator('#undo').click();
    expect(await studio.brightness([0.1, 0.5])).toBe(0);
    await expect.poll(() => studio.brightness([0.35, 0.93])).toBe(255);
  });

  test('undo and redo show what they did before', async () => {
    const { page } = studio;
    await fill();
    const before = await studio.picture();
    for (const keys of ['Control+z', 'Control+z', 'Control+Shift+z', 'x', 'Control+z'])
      await page.keyboard.press(keys);
    expect(await studio.brightness([0.5, 0.97])).toBe(255);
    await page.keyboard.press('Control+Shift+z');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+Shift+z');
    await expect.poll(() => studio.brightness([0.1, 0.5])).toBe(0);
    await page.locator('#clear').click();
    await expect.poll(() => studio.brightness([0.1, 0.5])).toBe(255);
    await page.keyboard.press('Control+z');
    await expect.poll(() => studio.brightness([0.1, 0.5])).toBe(0);
    await studio.stroke([0.3, 0.97], [0.9, 0.97]);
    await expect.poll(() => studio.picture()).toBe(before);
  });
});

describe('where a placed picture cannot be kept, the strokes are', () => {
  const upload = async (buffer: Buffer) => {
    await studio.page.locator('#file').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer });
    await expect.poll(() => studio.brightness([0.5, 0.5])).toBeLessThan(255);
  };
  /** What the browser does with a picture that is to be kept. */
  const encodeWebp = (answer: 'nothing' | 'never') =>
    studio.page.evaluate((how) => {
      const { toBlob } = HTMLCanvasElement.prototype;
      HTMLCanvasElement.prototype.toBlob = function (take, type, quality) {
        if (type !== 'image/webp') toBlob.call(this, take, type, quality);
        else if (how === 'nothing') take(null);
      };
    }, answer);
  const expectStrokesAfterReload = async () => {
    await studio.page.reload();
    await studio.page.locator('#connection[data-state="live"]').waitFor();
    await expect.poll(() => studio.brightness([0.5, 0.9])).toBe(0);
    expect(await studio.brightness([0.5, 0.5])).toBe(255);
  };
  const tooLarge = 'This drawing is too large to survive a reload.';
  const fillStorage = () =>
    studio.page.evaluate(() => {
      const fill = (length: number) => {
        try {
          sessionStorage.setItem('other', 'x'.repeat(length));
          return true;
        } catch {
          return false;
        }
      };
      let length = 16 * 1024 * 1024;
      while (!fill(length)) length -= 64 * 1024;
    });
  const noise = () => {
    const noise = { type: 'gaussian', mean: 128, sigma: 50 } as const;
    return sharp({ create: { width: 800, height: 800, channels: 3, background: '#808080', noise } })
      .png()
      .toBuffer();
  };

  test('because it cannot be encoded', async () => {
    await encodeWebp('nothing');
    await upload(await photograph());
    await studio.stroke([0.1, 0.9], [0.9, 0.9]);
    await expect.poll(() => studio.text('#notices .notice p')).toBe(tooLarge);
    await expectStrokesAfterReload();
  });

  test('because it is not encoded yet', async () => {
    await encodeWebp('never');
    await upload(await photograph());
    await studio.stroke([0.1, 0.9], [0.9, 0.9]);
    await expectStrokesAfterReload();
  });

  test('because there is no room for it, of which one is told once', async () => {
    const { page } = studio;
    await fillStorage();
    await upload(await noise());
    await studio.stroke([0.1, 0.9], [0.9, 0.9]);
    await expect.poll(() => studio.text('#notices .notice p')).toBe(tooLarge);
    await page.locator('#notices button').click();
    await studio.stroke([0.1, 0.8], [0.9, 0.8]);
    await studio.rest(1_000);
    expect(await studio.text('#notices')).toBe('');
    await expectStrokesAfterReload();
  });

  test('until there is room again and the sheet is a new one, whose undo is kept as well', async () => {
    const { page } = studio;
    await fillStorage();
    await upload(await noise());
    await expect.poll(() => studio.text('#notices .notice p')).toBe(tooLarge);
    await page.evaluate(() => sessionStorage.removeItem('other'));
    await page.locator('#clear').click();
    await studio.stroke([0.1, 0.9], [0.9, 0.9]);
    await studio.rest(1_000);
    expect(await studio.text('#notices')).toBe('');
    await expectStrokesAfterReload();
    for (const _ of ['stroke', 'clear']) await page.locator('#undo').click();
    await expect.poll(() => studio.brightness([0.5, 0.5])).toBeLessThan(255);
  });
});
