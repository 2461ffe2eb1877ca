import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { photograph } from './photograph.js';
import { drawLine, studio, useStudio } from './studio-under-test.js';

useStudio();

test('an uploaded picture is placed, drawn over, and undone like a stroke', async () => {
  const { page } = studio;
  await page
    .locator('#file')
    .setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: await photograph() });
  const uploaded = await studio.picture();
  expect(uploaded).not.toBe('none');
  await drawLine();
  expect(await studio.picture()).not.toBe(uploaded);
  await page.locator('#undo').click();
  await expect.poll(() => studio.picture()).toBe(uploaded);
  await page.locator('#undo').click();
  expect(await studio.picture()).toBe('none');
});

test('a dropped picture is placed wherever on the page it lands', async () => {
  await studio.drop({ target: 'header', png: await photograph() });
  await expect.poll(() => studio.picture()).toMatch(/^64x64/);
});

describe('of two pictures, the later one', () => {
  const plain = (width: number, height: number, background: string) =>
    sharp({ create: { width, height, channels: 3, background } })
      .png()
      .toBuffer();
  const middle = [0.5, 0.5] as const;

  test('takes the place of the first, margins included, and undo brings that back', async () => {
    const { page } = studio;
    const upload = (buffer: Buffer) =>
      page.locator('#file').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer });
    const top = [0.5, 0.05] as const;
    await drawLine();
    await upload(await plain(200, 400, '#000000'));
    await expect.poll(() => studio.brightness(top)).toBe(0);
    await upload(await plain(400, 200, '#404040'));
    await expect.poll(() => studio.brightness(middle)).toBe(0x40);
    expect(await studio.brightness(top)).toBe(255);
    await studio.stroke([0.1, 0.1], [0.9, 0.1]);
    await page.locator('#undo').click();
    await page.locator('#undo').click();
    await expect.poll(() => studio.brightness(top)).toBe(0);
    expect(await studio.brightness([0.1, 0.5])).toBe(255);
    await page.locator('#undo').click();
    await expect.poll(() => studio.brightness(middle)).toBe(255);
    expect(await studio.brightness([0.2, 0.2])).toBe(0);
  });

  test('is the one on the sheet though the first takes longer', async () => {
    await studio.drop(
      { target: 'body', png: await plain(6000, 6000, '#000000') },
      { target: 'body', png: await plain(400, 400, '#404040') },
    );
    await expect.poll(() => studio.brightness(middle)).toBe(0x40);
    await studio.rest(2_500);
    expect(await studio.brightness(middle)).toBe(0x40);
  });

  test('leaves the first where it cannot be read', async () => {
    await studio.drop(
      { target: 'body', png: await plain(2000, 2000, '#404040') },
      { target: 'body', png: Buffer.from('not a picture') },
    );
    await expect.poll(() => studio.brightness(middle)).toBe(0x40);
  });
});

test('what goes wrong with a placed picture is not called a fault of its file', async () => {
  const { page } = studio;
  await page.evaluate(() => {
    CanvasRenderingContext2D.prototype.drawImage = () => {
      throw new Error('no memory');
    };
  });
  await studio.drop({ target: 'body', png: await photograph() });
  await expect.poll(() => studio.faults.join()).toMatch(/no memory/);
  expect(await studio.text('#notices')).toBe('');
  studio.faults.length = 0;
});

describe('lines on transparency', () => {
  const lines = (colour: string) =>
    sharp(
      Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"><path d="M20 100H180" stroke="${colour}" stroke-width="12"/></svg>`,
      ),
    )
      .png()
      .toBuffer();
  const upload = async (colour: string) =>
    studio.page
      .locator('#file')
      .setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: await lines(colour) });
  const onLine = [0.5, 0.5] as const;
  const beside = [0.5, 0.2] as const;

  test('that are light lie on dark paper, as the server sees them', async () => {
    await upload('#ffffff');
    await expect.poll(() => studio.brightness(beside)).toBe(0);
    expect(await studio.brightness(onLine)).toBe(255);
    const light = await studio.picture();
    expect(light).toMatch(/^64x64/);
    await studio.page.locator('#undo').click();
    await expect.poll(() => studio.brightness(beside)).toBe(255);
    expect(await studio.picture()).toBe('none');
  });

  test('that are dark lie on light paper, even where the paper was dark', async () => {
    await studio.page.locator('#invert').click();
    await expect.poll(() => studio.brightness(beside)).toBe(0);
    await upload('#000000');
    await expect.poll(() => studio.brightness(beside)).toBe(255);
    expect(await studio.brightness(onLine)).toBe(0);
  });

  test('stay on white for a model of pictures, as on the server', async () => {
    await studio.page.locator('#model').selectOption('tiny-day-night');
    await upload('#ffffff');
    expect(await studio.picture()).toMatch(/^64x64/);
    expect(await studio.brightness(beside)).toBe(255);
  });
});

test('a picture from the clipboard is placed with the keys of pasting', async () => {
  const { page } = studio;
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const base64 = (await photograph()).toString('base64');
  await page.evaluate(async (data) => {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    await navigator.clipboard.write([
      new ClipboardItem({ 'image/png': new Blob([bytes], { type: 'image/png' }) }),
    ]);
  }, base64);
  await page.locator('#pad').focus();
  await page.keyboard.press('Control+v');
  await expect.poll(() => studio.picture()).toMatch(/^64x64/);
});

test('a file that is no picture is refused in words, and the drawing stays', async () => {
  await drawLine();
  const before = await studio.picture();
  const buffer = Buffer.from('not a picture');
  await studio.page.locator('#file').setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer });
  await expect.poll(() => studio.text('#notices')).toMatch(/Not a picture/);
  expect(await studio.picture()).toBe(before);
});

test('the camera gives a picture where it is allowed', async () => {
  const { page } = studio;
  await page.context().grantPermissions(['camera']);
  await page.locator('#camera').click();
  await page.locator('#camera-take:enabled').click();
  await expect.poll(() => studio.picture()).toMatch(/^64x64/);
  expect(await page.locator('#camera-dialog').isVisible()).toBe(false);
});

test('a double click on “Take picture” takes one', async () => {
  const { page } = studio;
  await page.context().grantPermissions(['camera']);
  await page.locator('#camera').click();
  await page.locator('#camera-take:enabled').evaluate((button: HTMLButtonElement) => {
    button.click();
    button.click();
  });
  await page.locator('#camera-dialog').waitFor({ state: 'hidden' });
  expect(await studio.picture()).toMatch(/^64x64/);
  await page.locator('#undo').click();
  expect(await studio.picture()).toBe('none');
});

test('of a phone’s cameras the one that looks at things is asked for', async () => {
  const { page } = studio;
  const asked = page.evaluate(
    () =>
      new Promise((resolve) => {
        navigator.mediaDevices.getUserMedia = async (constraints) => {
          resolve(constraints);
          throw new DOMException('', 'NotFoundError');
        };
      }),
  );
  await page.locator('#camera').click();
  expect(await asked).toMatchObject({ video: { facingMode: { ideal: 'environment' } } });
});

test('a picture of the camera that cannot be taken is told of', async () => {
  const { page } = studio;
  await page.context().grantPermissions(['camera']);
  await page.locator('#camera').click();
  await page.evaluate(() => {
    globalThis.createImageBitmap = () => Promise.reject(new DOMException('', 'InvalidStateError'));
  });
  await page.locator('#camera-take:enabled').click();
  await expect.poll(() => studio.text('#notices')).toMatch(/could not be taken.*upload or paste/);
  expect(await page.locator('#camera-dialog').isVisible()).toBe(false);
});

test('a camera that is refused is explained, with other ways', async () => {
  await studio.page.locator('#camera').click();
  await expect.poll(() => studio.text('#notices')).toMatch(/No camera.*upload or paste/);
});
