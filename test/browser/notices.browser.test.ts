import sharp from 'sharp';
import { expect, test } from 'vitest';
import { drawLine, server, studio, useStudio } from './studio-under-test.js';

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
