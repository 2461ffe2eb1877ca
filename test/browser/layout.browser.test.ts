import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { PHONE } from './studio-page.js';
import { reopenStudio, server, studio, useStudio } from './studio-under-test.js';

useStudio({ reducedMotion: 'reduce' });

const DAMAGED = { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('not a picture') };

/** Names of the buttons in the bars that something else covers in the middle. */
const covered = (page: Page): Promise<string[]> =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.bar button, .tools button, .foot button')]
      .filter((button) => button.checkVisibility())
      .filter((button) => {
        const { left, top, width, height } = button.getBoundingClientRect();
        return document.elementFromPoint(left + width / 2, top + height / 2)?.closest('button') !== button;
      })
      .map((button) => button.id),
  );

test.each(['tiny-sketch', 'tiny-day-night'])(
  'at every width of a laptop, every button of %s can be clicked',
  async (model) => {
    const { page } = studio;
    await page.locator('#model').selectOption(model);
    // The widest that stands there: while the picture is made to be saved.
    await page.evaluate(() => document.querySelector('#save-picture .verb')?.replaceChildren('Saving…'));
    for (const width of [1140, 1180, 1280, 1366]) {
      await page.setViewportSize({ width, height: 820 });
      expect(await covered(page), `${width} pixels wide`).toEqual([]);
      const overhang = await page.evaluate(() =>
        Math.max(
          ...[...document.querySelectorAll('.foot')].map((foot) => foot.scrollWidth - foot.clientWidth),
        ),
      );
      expect(overhang, `${width} pixels wide`).toBeLessThanOrEqual(0);
    }
  },
);

test.each([
  ['a desktop', {}],
  ['a phone', PHONE],
])('on %s, a problem neither moves nor covers the sheet', async (_, options) => {
  await reopenStudio(options, '');
  const { page } = studio;
  const before = await page.locator('#pad').boundingBox();
  await page.locator('#file').setInputFiles(DAMAGED);
  await page.locator('.notice').waitFor();
  expect(await page.locator('#pad').boundingBox()).toEqual(before);
  const touching = await page.evaluate(() => {
    const [notice, pad] = ['.notice', '#pad'].map((name) =>
      document.querySelector(name)?.getBoundingClientRect(),
    ) as [DOMRect, DOMRect];
    const sideways = notice.left < pad.right && notice.right > pad.left;
    return sideways && notice.top < pad.bottom && notice.bottom > pad.top;
  });
  expect(touching).toBe(false);
  expect(await covered(page)).toEqual([]);
});

test('on a phone, what the bar says of speed and connection stays within it', async () => {
  await reopenStudio(PHONE, '');
  const { page } = studio;
  const reach = () =>
    page.evaluate(() => {
      const edge = document.querySelector('#pause')?.getBoundingClientRect().left ?? 0;
      const parts = [...document.querySelectorAll('#connection > *, #connection-text > *')];
      return Math.max(...parts.map((part) => part.getBoundingClientRect().right)) - edge;
    });
  await page.locator('#example').click();
  await studio.picture();
  await page.evaluate(() => document.querySelector('#speed')?.replaceChildren('12345 ms · 12.3/s'));
  expect(await reach()).toBeLessThanOrEqual(0);
  const sheet = await page.locator('#pad').boundingBox();
  await server.kill();
  await page.locator('#connection-text button').waitFor();
  expect(await reach()).toBeLessThanOrEqual(0);
  expect(await page.locator('#pad').boundingBox()).toEqual(sheet);
  await server.start();
  await page.locator('#connection[data-state="live"]').waitFor();
});

test.each([320, 360, 375, 390])('on a phone %i pixels wide, the stroke width can be set', async (width) => {
  await reopenStudio({ ...PHONE, viewport: { width, height: 844 } }, '');
  const { page } = studio;
  const box = await page.locator('#width').boundingBox();
  expect(box?.width).toBeGreaterThan(60);
  expect(await covered(page)).toEqual([]);
  await page.locator('#width').scrollIntoViewIfNeeded();
  await page.locator('#width').click({ position: { x: (box?.width ?? 0) - 6, y: (box?.height ?? 0) / 2 } });
  expect(await page.locator('#width').inputValue()).toBe('32');
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
});

test.each([
  [720, 450],
  [640, 360],
  [568, 320],
])('in a low window of %i by %i, sheet and picture are seen side by side', async (width, height) => {
  const { page } = studio;
  await page.setViewportSize({ width, height });
  const boxes = await page.evaluate(() =>
    ['#pad', '#picture-stage'].map((name) => document.querySelector(name)?.getBoundingClientRect().toJSON()),
  );
  const [sheet, picture] = boxes as [DOMRect, DOMRect];
  expect(picture.left).toBeGreaterThanOrEqual(sheet.right);
  expect(Math.max(sheet.bottom, picture.bottom)).toBeLessThanOrEqual(height);
  expect(Math.min(sheet.width, picture.width)).toBeGreaterThan(200);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  expect(await covered(page)).toEqual([]);
});

test('on a laptop, nothing scrolls when the first picture has come, and the sheet is as large as the width allows', async () => {
  const { page } = studio;
  await page.locator('#example').click();
  await page.locator('#history button').waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThanOrEqual(900);
  expect((await page.locator('#pad').boundingBox())?.width).toBeGreaterThan(490);
});

test.each([1440, 1024])('in a window %i pixels wide, all styles stand in one row', async (width) => {
  const { page } = studio;
  await page.setViewportSize({ width, height: 900 });
  const rows = await page
    .locator('.chip')
    .evaluateAll((chips) => new Set(chips.map((chip) => chip.getBoundingClientRect().top)).size);
  expect(rows).toBe(1);
});

const TABLET = { hasTouch: true, isMobile: true };

test.each([
  [820, 1180],
  [768, 1024],
  [834, 1112],
  [1024, 1366],
])(
  'on an upright tablet of %i by %i, the sheet is large, and picture, words and buttons are seen with it',
  async (width, height) => {
    await reopenStudio({ ...TABLET, viewport: { width, height } });
    const { page } = studio;
    const seen = await page.evaluate(() =>
      [
        '#pad',
        '#picture-stage',
        '#prompt',
        '#template',
        '#clear',
        '#upload .label',
        '#variations .label',
      ].map((name) => document.querySelector(name)?.getBoundingClientRect().toJSON()),
    );
    const [sheet, picture, ...others] = seen as [DOMRect, DOMRect, ...DOMRect[]];
    expect(sheet.width).toBeGreaterThan(0.65 * width);
    expect(picture.width).toBeGreaterThan(290);
    for (const box of [sheet, picture, ...others]) {
      expect(box.bottom).toBeLessThanOrEqual(height);
      expect(box.width).toBeGreaterThan(20);
    }
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    expect(await covered(page)).toEqual([]);
  },
);

test.each([
  ['a desktop', {}, ['pen', 'pad', 'copy-curl', 'prompt', 'model']],
  [
    'a tablet',
    { ...TABLET, viewport: { width: 820, height: 1180 } },
    ['copy-curl', 'prompt', 'pen', 'pad', 'model'],
  ],
  ['a phone', PHONE, ['copy-curl', 'pad', 'pen', 'prompt', 'model']],
])('on %s, Tab goes through the page as the eye does', async (_, options, order) => {
  await reopenStudio(options);
  const { page } = studio;
  const reached: string[] = [];
  for (let presses = 0; presses < 60 && !reached.includes('model'); presses++) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate(() => document.activeElement?.id ?? ''));
  }
  expect(reached.filter((id) => order.includes(id))).toEqual(order);
});

test('a tablet that is turned keeps the focus where it was', async () => {
  await reopenStudio({ ...TABLET, viewport: { width: 820, height: 1180 } });
  const { page } = studio;
  await page.locator('#prompt').focus();
  await page.setViewportSize({ width: 1180, height: 820 });
  await expect
    .poll(() => page.evaluate(() => document.querySelector('.studio')?.children[0]?.id))
    .toBe('tools');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('prompt');
});

test.each([
  [390, 844],
  [844, 390],
])('on a phone of %i by %i, no field is so small that the phone zooms into it', async (width, height) => {
  await reopenStudio({ ...PHONE, viewport: { width, height } });
  const small = await studio.page.evaluate(() =>
    [...document.querySelectorAll('#prompt, #template, #seed, #model')]
      .filter((field) => Number.parseFloat(getComputedStyle(field).fontSize) < 16)
      .map(({ id }) => id),
  );
  expect(small).toEqual([]);
});

test('on a phone, the switch for fingers has room beside the others', async () => {
  await reopenStudio({ ...PHONE, viewport: { width: 360, height: 740 } });
  const { page } = studio;
  await page.evaluate(() => document.querySelector('#fingers')?.removeAttribute('hidden'));
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  expect(await page.locator('#fingers').evaluate((button) => button.scrollWidth <= button.clientWidth)).toBe(
    true,
  );
});
