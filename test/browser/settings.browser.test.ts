import { expect, test } from 'vitest';
import { reopenStudio, studio, useStudio } from './studio-under-test.js';

useStudio({ reducedMotion: 'reduce' });

const said = () => studio.text('#announcer');

test('what of a link is not known here, or cannot be used, is told', async () => {
  await reopenStudio({}, '#model=nope&style=moon&gamma=9&seed=1.5&template=nothing&prompt=a+fox');
  const { page } = studio;
  for (const part of [/model “nope”/, /style “moon”/, /guidance “9”/, /seed “1.5”/, /template “nothing”/])
    expect(await said()).toMatch(part);
  expect(await page.locator('#prompt').inputValue()).toBe('a fox');
  expect(await page.locator('#template').inputValue()).toBe('{prompt}');
  expect(await page.locator('#model').inputValue()).toBe('tiny-sketch');
  await page.evaluate(() => {
    location.hash = '#model=tiny-day-night&direction=nowhere';
  });
  await expect.poll(() => page.locator('.toast').textContent()).toMatch(/direction “nowhere”/);
});

test('a link that is understood is not talked about', async () => {
  await reopenStudio({}, '#model=tiny-sketch&style=anime&gamma=0.5&seed=-3&template={prompt}+in+ink');
  expect(await said()).toBe('');
  expect(await studio.page.locator('#template').inputValue()).toBe('{prompt} in ink');
  expect(await studio.page.locator('#seed').inputValue()).toBe('-3');
});

test.each(['99999999999', '1.5', ''])('of the seed “%s” the page says what it takes', async (wrong) => {
  const { page } = studio;
  const seed = page.locator('#seed');
  await seed.fill(wrong);
  await seed.blur();
  expect(await page.locator('#seed-hint').isVisible()).toBe(true);
  expect(await studio.text('#seed-hint')).toMatch(/whole number/);
  expect(await seed.getAttribute('aria-invalid')).toBe('true');
  await page.locator('#prompt').fill('a fox');
  expect(await seed.inputValue()).toBe(wrong);
  await expect.poll(() => page.url()).toMatch(/fox.*seed=7$/);
  await seed.fill('12');
  await seed.blur();
  expect(await page.locator('#seed-hint').isVisible()).toBe(false);
  expect(await seed.getAttribute('aria-invalid')).toBe('false');
  await seed.fill(wrong);
  await seed.blur();
  await page.locator('#dice').click();
  expect(await page.locator('#seed-hint').isVisible()).toBe(false);
  expect(await seed.inputValue()).toMatch(/^\d+$/);
});
