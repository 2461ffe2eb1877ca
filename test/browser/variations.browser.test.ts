import { expect, test } from 'vitest';
import { drawLine, studio, useStudio } from './studio-under-test.js';

useStudio({ reducedMotion: 'reduce' });

const openVariations = async () => {
  await studio.page.locator('#variations').click();
  await expect.poll(() => studio.page.locator('#contact-prints button').count()).toBe(4);
};
const focused = () => studio.page.evaluate(() => document.activeElement?.id);

/** Red, green, blue and alpha of the elements' pixels, in the size of the pictures. */
const pixels = (selector: string): Promise<number[][]> =>
  studio.page.locator(selector).evaluateAll((elements) =>
    elements.map((element) => {
      const copy = new OffscreenCanvas(64, 64).getContext('2d');
      copy?.drawImage(element as HTMLImageElement | HTMLCanvasElement, 0, 0);
      return [...(copy?.getImageData(0, 0, 64, 64).data ?? [])];
    }),
  );
const difference = (one: number[] = [], other: number[] = []) =>
  one.reduce((sum, value, index) => sum + Math.abs(value - (other[index] ?? 0)), 0) / one.length;

test('four variations come as a contact sheet; choosing one takes its seed', async () => {
  const { page } = studio;
  await drawLine();
  const before = await studio.picture();
  await openVariations();
  const labels = await page
    .locator('#contact-prints button')
    .evaluateAll((buttons) => buttons.map((button) => button.getAttribute('aria-label')));
  // Not cut, whatever shape there is room for.
  const [print] = await page.locator('#contact-prints img').all();
  expect(await print?.evaluate((image) => getComputedStyle(image).objectFit)).toBe('contain');
  expect(labels).toEqual([8, 9, 10, 11].map((seed) => `Take this variation, seed ${seed}`));
  await page.locator('#contact-prints button').nth(2).click();
  expect(await page.locator('#seed').inputValue()).toBe('10');
  expect(await page.locator('#contact').isVisible()).toBe(false);
  await expect.poll(() => studio.picture()).not.toBe(before);
});

test('under much guidance they are made with less, and the one chosen is the one seen', async () => {
  const { page } = studio;
  await drawLine();
  await page.locator('#gamma').fill('0.9');
  const before = await studio.picture();
  await openVariations();
  expect(await studio.text('#contact-note')).toMatch(/Made at guidance 0.2: at 0.9 they would look alike/);
  const prints = await pixels('#contact-prints img');
  await page.locator('#contact-prints button').nth(1).click();
  expect(await page.locator('#seed').inputValue()).toBe('9');
  expect(await page.locator('#gamma').inputValue()).toBe('0.2');
  await expect.poll(() => studio.picture()).not.toBe(before);
  const [shown] = await pixels('#result');
  const differences = prints.map((print) => difference(print, shown));
  expect(differences.indexOf(Math.min(...differences))).toBe(1);
  await openVariations();
  expect(await studio.text('#contact-note')).toBe('');
});

test('they take the focus and give it back, and leave with Escape wherever it is', async () => {
  const { page } = studio;
  await drawLine();
  await studio.picture();
  await openVariations();
  expect(await focused()).toBe('contact');
  await page.keyboard.press('Escape');
  expect(await page.locator('#contact').isVisible()).toBe(false);
  expect(await focused()).toBe('variations');
  await openVariations();
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await page.keyboard.press('Escape');
  expect(await page.locator('#contact').isVisible()).toBe(false);
});

test('they leave when the drawing changes under them', async () => {
  const { page } = studio;
  for (const change of ['Control+z', 'x']) {
    await drawLine();
    await page.locator('#variations').click();
    await page.locator('#contact').waitFor();
    await page.locator('#contact').focus();
    await page.keyboard.press(change);
    await page.locator('#contact').waitFor({ state: 'hidden' });
  }
});

test('who types meanwhile keeps the focus when they close', async () => {
  await drawLine();
  await studio.picture();
  await openVariations();
  await studio.page.locator('#prompt').pressSequentially('!');
  expect(await studio.page.locator('#contact').isVisible()).toBe(false);
  expect(await focused()).toBe('prompt');
});

test('a sketch that cannot be encoded is told of, and no sheet opens', async () => {
  const { page } = studio;
  await drawLine();
  await studio.picture();
  await page.evaluate(() => {
    HTMLCanvasElement.prototype.toBlob = (take) => take(null);
  });
  await page.locator('#variations').click();
  await expect.poll(() => studio.text('#notices')).toMatch(/could not be encoded/);
  expect(await page.locator('#contact').isVisible()).toBe(false);
});

test('a model without noise offers neither seeds nor variations', async () => {
  const { page } = studio;
  await page.locator('#model').selectOption('tiny-day-night');
  for (const id of ['#seed', '#dice', '#variations'])
    expect(await page.locator(id).isVisible(), id).toBe(false);
  await page.locator('#pad').focus();
  await page.keyboard.press('r');
  expect(await studio.text('.toast')).toMatch(/seeds make no difference/);
  await page.locator('#model').selectOption('tiny-sketch');
  expect(await page.locator('#seed').inputValue()).toBe('7');
  expect(await page.locator('#variations').isVisible()).toBe(true);
});

test('where only the lines count, seeds and variations rest and say why', async () => {
  const { page } = studio;
  await drawLine();
  await page.locator('#gamma').fill('1');
  expect(await page.locator('#seed').isDisabled()).toBe(true);
  expect(await page.locator('#dice').isDisabled()).toBe(true);
  expect(await studio.text('#seed-hint')).toMatch(/every seed gives the same picture/);
  expect(await page.locator('#variations').getAttribute('aria-disabled')).toBe('true');
  // Forced: what is marked as disabled can still be clicked, to be told why.
  await page.locator('#variations').click({ force: true });
  expect(await studio.text('.toast')).toMatch(/every seed gives the same picture/);
  expect(await page.locator('#contact').isVisible()).toBe(false);
  await page.locator('#gamma').fill('0.95');
  expect(await page.locator('#dice').isEnabled()).toBe(true);
  expect(await page.locator('#seed-hint').isVisible()).toBe(false);
});
