import { expect, test } from 'vitest';
import { PHONE } from './studio-page.js';
import { reopenStudio, studio, useStudio } from './studio-under-test.js';

useStudio({ reducedMotion: 'reduce' });

type Point = [x: number, y: number];

/** The middle of the example's button, and places below it on the sheet, in pixels of the window. */
const placesFromButton = async (): Promise<[Point, Point, Point]> => {
  const button = await studio.page.locator('#example').boundingBox();
  const sheet = await studio.page.locator('#pad').boundingBox();
  if (button === null || sheet === null) throw new Error('The sheet is not on screen');
  const x = button.x + button.width / 2;
  const y = button.y + button.height / 2;
  const reach = (sheet.y + sheet.height - y) * 0.8;
  return [
    [x, y],
    [x, y + reach / 2],
    [x, y + reach],
  ];
};

/** Brightness of the sheet there. */
const inkAt = async ([x, y]: Point) => {
  const sheet = await studio.page.locator('#pad').boundingBox();
  if (sheet === null) throw new Error('The sheet is not on screen');
  return studio.brightness([(x - sheet.x) / sheet.width, (y - sheet.y) / sheet.height]);
};

/** One stroke and nothing else: undone, the sheet is as empty as before. */
const expectOneStroke = async (middle: Point) => {
  expect(await studio.picture()).toMatch(/^64x64/);
  expect(await inkAt(middle)).toBe(0);
  expect(await studio.page.locator('#invitation').isVisible()).toBe(false);
  await studio.page.locator('#undo').click();
  expect(await studio.picture()).toBe('none');
  expect(await studio.page.locator('#invitation').isVisible()).toBe(true);
};

test('a stroke may begin on the button of the empty sheet', async () => {
  const { mouse } = studio.page;
  const [from, middle, to] = await placesFromButton();
  await mouse.move(...from);
  await mouse.down();
  await mouse.move(...to, { steps: 10 });
  await mouse.up();
  await expectOneStroke(middle);
});

test('so may one that is off the button with its first move', async () => {
  const { mouse } = studio.page;
  const [from, middle, to] = await placesFromButton();
  await mouse.move(...from);
  await mouse.down();
  await mouse.move(...to);
  await mouse.up();
  await expectOneStroke(middle);
});

test('so may one with a finger', async () => {
  await reopenStudio({ ...PHONE, reducedMotion: 'reduce' });
  const session = await studio.page.context().newCDPSession(studio.page);
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...touchPoints: { x: number; y: number }[]) =>
    session.send('Input.dispatchTouchEvent', { type, touchPoints });
  const [from, middle, to] = await placesFromButton();
  await touch('touchStart', { x: from[0], y: from[1] });
  for (let step = 1; step <= 10; step++)
    await touch('touchMove', { x: from[0], y: from[1] + ((to[1] - from[1]) * step) / 10 });
  await touch('touchEnd');
  await expectOneStroke(middle);
});

test('a click that trembles is a click, and keys start the example, too', async () => {
  const { page } = studio;
  const [[x, y]] = await placesFromButton();
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 2, y + 2);
  await page.mouse.up();
  const example = await studio.picture();
  expect(example).toMatch(/^64x64/);
  await page.locator('#clear').click();
  expect(await studio.picture()).toBe('none');
  await page.locator('#example').press('Enter');
  expect(await studio.picture()).toBe(example);
});

test('what is drawn before the server has told its models is not covered by the invitation', async () => {
  const { page } = studio;
  let goOn = () => {};
  await page.route('**/v1/models', async (route) => {
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
    await route.continue();
  });
  await page.reload();
  expect(await page.locator('#invitation').isVisible()).toBe(true);
  await studio.stroke([0.2, 0.2], [0.8, 0.3]);
  expect(await page.locator('#invitation').isVisible()).toBe(false);
  goOn();
  await page.locator('html[data-ready]').waitFor({ state: 'attached' });
  expect(await studio.picture()).toMatch(/^64x64/);
});
