import sharp from 'sharp';
import { expect, test } from 'vitest';
import { PHONE } from './studio-page.js';
import { drawLine, reopenStudio, server, studio, useStudio } from './studio-under-test.js';

useStudio({ reducedMotion: 'reduce' });

const upload = (name: string, mimeType: string, buffer: Buffer) =>
  studio.page.locator('#file').setInputFiles({ name, mimeType, buffer });
const photograph = () =>
  sharp({ create: { width: 64, height: 64, channels: 3, background: '#203080' } })
    .png()
    .toBuffer();

test('a refused file is told of until a good one comes', async () => {
  await upload('a.txt', 'text/plain', Buffer.from('not a picture'));
  await expect.poll(() => studio.text('#notices')).toMatch(/Not a picture/);
  await upload('a.png', 'image/png', await photograph());
  await expect.poll(() => studio.text('#notices')).toBe('');
});

test('a damaged picture is not called a wrong kind of file', async () => {
  const whole = await photograph();
  await upload('a.png', 'image/png', whole.subarray(0, 40));
  await expect.poll(() => studio.text('#notices')).toMatch(/cannot be opened.*damaged, or.*too large/);
  expect(await studio.text('#notices')).not.toMatch(/PNG/);
});

test.each([
  ['text', 'not a picture', /Not a picture.*looks like text/],
  ['SVG', '<svg xmlns="http://www.w3.org/2000/svg"/>', /Not a picture.*looks like SVG/],
])('%s that is called .png is not called a damaged picture', async (_, content, words) => {
  await upload('a.png', 'image/png', Buffer.from(content));
  await expect.poll(() => studio.text('#notices')).toMatch(words);
  expect(await studio.text('#notices')).not.toMatch(/damaged/);
});

const askForCamera = async () => {
  await studio.page.locator('#camera').click();
  await expect.poll(() => studio.text('#notices')).toMatch(/^No camera\. /);
};

test.each([
  ['draws', () => drawLine()],
  ['chooses a style', () => studio.page.locator('.chip', { hasText: 'Anime' }).click()],
  ['asks for variations', () => studio.page.locator('#variations').click()],
  ['pauses', () => studio.page.locator('#pause').click()],
  ['clears the sheet', () => studio.page.locator('#clear').click()],
  ['saves the sketch', () => studio.page.locator('#save-sketch').click()],
] as const)('that there is no camera is told until one goes on and %s', async (_, goOn) => {
  await drawLine();
  await studio.picture();
  await askForCamera();
  await goOn();
  await expect.poll(() => studio.text('#notices')).toBe('');
});

test('a notice that stays does not cover what variations change', async () => {
  const { page } = studio;
  const faint = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#ffffff' } })
    .composite([{ input: { create: { width: 30, height: 30, channels: 3, background: '#dddddd' } } }])
    .png()
    .toBuffer();
  await page.locator('#gamma').fill('0.9');
  await upload('a.png', 'image/png', faint);
  await expect.poll(() => studio.text('#notices')).toMatch(/no strokes/);
  await page.locator('#variations').click();
  await expect.poll(() => page.locator('#contact-prints button').count()).toBe(4);
  const covering = await page.evaluate(() => {
    const notice = document.querySelector('.notice')?.getBoundingClientRect();
    const contact = document.querySelector('#contact')?.getBoundingClientRect();
    return (notice?.bottom ?? Infinity) > (contact?.top ?? 0) || (contact?.height ?? 0) < 300;
  });
  expect(covering).toBe(false);
});

test('on a phone, a problem is seen where the page is scrolled to', async () => {
  await reopenStudio({ ...PHONE, viewport: { width: 390, height: 664 } });
  const { page } = studio;
  const seen = () =>
    page.evaluate(() => {
      const {
        top = -1,
        bottom = 0,
        height = 0,
      } = document.querySelector('.notice')?.getBoundingClientRect() ?? {};
      return top >= 0 && bottom <= innerHeight && height > 0;
    });
  await page.locator('#upload').evaluate((button) => button.scrollIntoView({ block: 'end' }));
  await page.evaluate(() => scrollTo(0, Math.max(scrollY, 300)));
  await page.locator('#camera').click();
  await expect.poll(() => studio.text('#notices')).toMatch(/No camera/);
  await expect.poll(seen).toBe(true);
  await page.evaluate(() => scrollTo(0, 0));
  await expect.poll(seen).toBe(true);
  const whole = await page.locator('#notices').evaluate((box) => {
    const sheet = document.querySelector('#pad')?.getBoundingClientRect();
    return box.scrollHeight <= box.clientHeight && box.getBoundingClientRect().bottom < (sheet?.top ?? 0);
  });
  expect(whole).toBe(true);
});

test('a server out of reach is told of until it is back', async () => {
  const { page } = studio;
  await drawLine();
  await studio.picture();
  await server.kill();
  await page.locator('#variations').click();
  await expect.poll(() => studio.text('#notices')).toMatch(/Server out of reach/);
  await server.start();
  await page.locator('#connection[data-state="live"]').waitFor();
  await expect.poll(() => studio.text('#notices')).toBe('');
});

test('a template without a place for the prompt says so, and stays to be mended', async () => {
  const { page } = studio;
  const template = page.locator('#template');
  await template.fill('a stamp');
  expect(await studio.text('#template-fault')).toMatch(/needs {prompt}/);
  expect(await template.getAttribute('aria-invalid')).toBe('true');
  await page.locator('#prompt').fill('a fox');
  expect(await template.inputValue()).toBe('a stamp');
  expect(await page.locator('#template-fault').isVisible()).toBe(true);
  await template.fill('a stamp of {prompt}');
  expect(await page.locator('#template-fault').isVisible()).toBe(false);
  expect(await template.getAttribute('aria-invalid')).toBe('false');
  await template.fill('a stamp');
  await page.locator('#template-reset').click();
  expect(await template.inputValue()).toBe('{prompt}');
  expect(await page.locator('#template-fault').isVisible()).toBe(false);
});

test('words that are too long with their template are told of beside it, in words of everyone, and nowhere else', async () => {
  const { page } = studio;
  const template = page.locator('#template');
  await drawLine();
  await page.locator('#prompt').fill('x'.repeat(1_000));
  await template.fill('{prompt} and {prompt}');
  await expect.poll(() => studio.text('#template-fault')).toMatch(/2005 characters long\. At most 2000/);
  expect(await template.getAttribute('aria-invalid')).toBe('true');
  await page.locator('#prompt').fill('x'.repeat(1_001));
  expect(await studio.text('#template-fault')).toMatch(/2007 characters/);
  expect(await template.inputValue()).toBe('{prompt} and {prompt}');
  await studio.picture();
  expect(await studio.text('#notices')).toBe('');
  await page.locator('#prompt').fill('a fox');
  expect(await page.locator('#template-fault').isVisible()).toBe(false);
  expect(await template.getAttribute('aria-invalid')).toBe('false');
  await expect.poll(() => page.locator('#result').getAttribute('aria-label')).toMatch(/“a fox and a fox”/);
});

test('an alert does not stand within what is marked as busy', async () => {
  const { page } = studio;
  await drawLine();
  await studio.picture();
  const busy = (selector: string) =>
    page.locator(selector).evaluate((element) => element.closest('[aria-busy]') !== null);
  expect(await busy('#result')).toBe(true);
  expect(await busy('#notices')).toBe(false);
});

test('a picture in which nothing was found is told of in the words of the page, until it is mended', async () => {
  const { page } = studio;
  await page.locator('#model').selectOption('tiny-edge');
  const faint = { create: { width: 30, height: 30, channels: 3, background: '#aaa' } } as const;
  const buffer = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#888' } })
    .composite([{ input: faint }])
    .png()
    .toBuffer();
  await upload('a.png', 'image/png', buffer);
  await expect.poll(() => studio.text('#notices')).toMatch(/no edges.*“Edges from”/);
  expect(await studio.text('#notices')).not.toMatch(/threshold/);
  await page.locator('#high').fill('20');
  await expect.poll(() => studio.text('#notices')).toBe('');
});

test('a prompt that is too long is a note beside it, in words of everyone, and no problem', async () => {
  const { page } = studio;
  await drawLine();
  await page.locator('#prompt').fill('a duck of many colours '.repeat(20));
  await expect.poll(() => studio.text('#prompt-note')).toMatch(/only the beginning/);
  expect(await studio.text('#prompt-note')).not.toMatch(/token/);
  expect(await studio.text('#notices')).toBe('');
  await page.locator('#prompt').fill('a duck');
  await expect.poll(() => page.locator('#prompt-note').isVisible()).toBe(false);
});
