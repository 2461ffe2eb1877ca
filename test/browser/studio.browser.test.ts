import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { StudioPage } from './studio-page.js';
import { browser, drawLine, server, studio, useStudio } from './studio-under-test.js';

useStudio({ reducedMotion: 'reduce' });

test('an example makes a first picture with one click', async () => {
  await studio.page.locator('#example').click();
  expect(await studio.picture()).toMatch(/^64x64/);
  expect(await studio.page.locator('#invitation').isVisible()).toBe(false);
});

test('a model of pictures starts with a picture, the one that suits its direction', async () => {
  const { page } = studio;
  await page.locator('#model').selectOption('tiny-day-night');
  await page.locator('#example').click();
  const night = await studio.picture();
  expect(night).toMatch(/^64x64/);
  expect(await studio.brightness([0.5, 0.05])).toBeGreaterThan(50);
  await page.locator('#clear').click();
  await page.locator('.segment', { hasText: 'Night to day' }).click();
  await page.locator('#example').click();
  await expect.poll(() => studio.brightness([0.5, 0.05])).toBeLessThan(50);
});

test('models, directions, thresholds and styles come from the server', async () => {
  const { page } = studio;
  const { models } = (await (await fetch(`${server.url}v1/models`)).json()) as {
    models: { title: string }[];
  };
  const { styles } = (await (await fetch(`${server.url}v1/styles`)).json()) as {
    styles: { title: string; template: string }[];
  };
  expect(await page.locator('#model option').allTextContents()).toEqual(models.map(({ title }) => title));
  expect(await page.locator('#styles .chip').allTextContents()).toEqual([
    'None',
    ...styles.map(({ title }) => title),
  ]);
  await page.locator('.chip', { hasText: styles[2]?.title ?? '' }).click();
  expect(await page.locator('#template').inputValue()).toBe(styles[2]?.template);

  await page.locator('#model').selectOption('tiny-edge');
  expect(await page.locator('#low').inputValue()).toBe('100');
  expect(await page.locator('#gamma').isVisible()).toBe(false);
  await page.locator('#model').selectOption('tiny-day-night');
  expect(await page.locator('#directions').textContent()).toContain('Day to night');
  expect(await page.locator('#prompt').isVisible()).toBe(false);
  expect(await studio.text('#fixed-prompt')).toContain('driving in the night');
});

test('thresholds of an edge model and directions of a CycleGAN change the picture', async () => {
  const { page } = studio;
  await page.locator('#model').selectOption('tiny-edge');
  const buffer = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#888' } })
    .composite([{ input: { create: { width: 30, height: 30, channels: 3, background: '#aaa' } } }])
    .png()
    .toBuffer();
  await page.locator('#file').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer });
  const strict = await studio.picture();
  await page.locator('#high').fill('20');
  expect(await page.locator('#low').inputValue()).toBe('20');
  await expect.poll(() => studio.picture()).not.toBe(strict);

  await page.locator('#model').selectOption('tiny-day-night');
  const night = await studio.picture();
  await page.locator('.segment', { hasText: 'Night to day' }).click();
  await expect.poll(() => studio.picture()).not.toBe(night);
});

test('thresholds go as far as links and models do, and one that is moved leaves the other as it was', async () => {
  const { page } = studio;
  await page.evaluate(() => {
    location.hash = '#model=tiny-edge&low=622&high=931';
  });
  await expect.poll(() => studio.text('#high-value')).toBe('931');
  expect(await page.locator('#low').inputValue()).toBe('620');
  await page.locator('#high').fill('985');
  await expect.poll(() => page.url()).toMatch(/low=622&high=985/);
  await page.locator('#low').fill('700');
  await expect.poll(() => page.url()).toMatch(/low=700&high=985/);
});

test('the compare slider shows the input beside the picture', async () => {
  const { page } = studio;
  await page.locator('#model').selectOption('tiny-day-night');
  const buffer = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#c03030' } })
    .png()
    .toBuffer();
  await page.locator('#file').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer });
  await studio.picture();
  await page.locator('#compare').click();
  await expect
    .poll(() =>
      page.evaluate(() => {
        const input = document.querySelector<HTMLCanvasElement>('#result-input');
        // Read from a copy: asked twice, the page's own canvas makes Chromium warn of slow readback.
        const copy = new OffscreenCanvas(1, 1).getContext('2d');
        if (input) copy?.drawImage(input, -5, -5);
        return copy?.getImageData(0, 0, 1, 1).data[0];
      }),
    )
    .toBeGreaterThan(180);
  await page.locator('#split-range').focus();
  await page.keyboard.press('Home');
  const clip = () => page.locator('#result-input').evaluate((canvas) => getComputedStyle(canvas).clipPath);
  expect(await clip()).toContain('100%');
  await page.keyboard.press('End');
  expect(await clip()).not.toContain('100%');
});

test('a link brings back model, prompt, style, template, guidance, seed, and so the same picture', async () => {
  const { page } = studio;
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.locator('#prompt').fill('a castle & a moat = home');
  await page.locator('.chip', { hasText: 'Manga' }).click();
  await page.locator('#template').fill('{prompt} in ink');
  await page.locator('#gamma').fill('0.75');
  await page.locator('#dice').click();
  await page.locator('#example').click();
  const picture = await studio.picture();
  await expect.poll(() => page.url()).toContain('gamma=0.75');
  await page.locator('#copy-link').click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const other = await StudioPage.open(browser, link, { reducedMotion: 'reduce' });
  expect(await other.page.locator('#prompt').inputValue()).toBe('a castle & a moat = home');
  expect(await other.page.locator('#template').inputValue()).toBe('{prompt} in ink');
  expect(await other.page.locator('#seed').inputValue()).toBe(await page.locator('#seed').inputValue());
  expect(await other.page.locator('.chip', { hasText: 'Manga' }).locator('input').isChecked()).toBe(true);
  await other.page.locator('#example').click();
  expect(await other.picture()).toBe(picture);
  await other.close();
});

test('a prompt that was cleared stays so over a reload', async () => {
  const { page } = studio;
  const prompt = page.locator('#prompt');
  expect(await prompt.inputValue()).not.toBe('');
  await prompt.fill('');
  await expect.poll(() => page.url()).not.toContain('bird');
  await page.reload();
  await page.locator('#connection[data-state="live"]').waitFor();
  expect(await prompt.inputValue()).toBe('');
});

test('the copied link holds what was set last, however short ago', async () => {
  const { page } = studio;
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  // At once: the address follows a moment later.
  await page.locator('#prompt').evaluate((prompt: HTMLInputElement) => {
    prompt.value = 'a green frog';
    prompt.dispatchEvent(new Event('input', { bubbles: true }));
    document.querySelector<HTMLButtonElement>('#copy-link')?.click();
  });
  await page.locator('.toast').waitFor();
  const link = new URL(await page.evaluate(() => navigator.clipboard.readText()));
  expect(link.origin).toBe(new URL(server.url).origin);
  expect(new URLSearchParams(link.hash.slice(1)).get('prompt')).toBe('a green frog');
});

test('the copied curl command works where it is pasted and makes the picture that Save gives', async () => {
  const { page } = studio;
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await drawLine();
  await page.locator('#prompt').fill("@it's <a> $HOME `fox`");
  await page.locator('.chip', { hasText: 'Anime' }).click();
  await studio.picture();
  await page.locator('#copy-curl').click();
  await page.locator('.toast').waitFor();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  const folder = await mkdtemp(join(tmpdir(), 'studio-curl-'));
  try {
    await promisify(execFile)('sh', ['-c', command], { cwd: folder });
    const saved = await studio.download('#save-picture');
    expect(saved.name).toBe('it-s-a-home-fox-7.png');
    expect((await readFile(join(folder, 'picture.png'))).equals(saved.bytes)).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the curl command is copied in the click itself, as Safari wants it, though it is made after it', async () => {
  const { page } = studio;
  await drawLine();
  await page.evaluate(() => {
    let inClick = false;
    addEventListener(
      'click',
      () => {
        inClick = true;
        setTimeout(() => {
          inClick = false;
        });
      },
      true,
    );
    const { toBlob } = HTMLCanvasElement.prototype;
    HTMLCanvasElement.prototype.toBlob = function (take, ...rest) {
      setTimeout(() => toBlob.call(this, take, ...rest), 100);
    };
    const only = async () => {
      if (!inClick) throw new DOMException('', 'NotAllowedError');
    };
    navigator.clipboard.writeText = only;
    navigator.clipboard.write = async ([item]) => {
      await only();
      const blob = await item?.getType('text/plain');
      document.body.dataset.copied = await blob?.text();
    };
    document.execCommand = () => false;
  });
  await page.locator('#copy-curl').click();
  await expect.poll(() => page.locator('body').getAttribute('data-copied')).toMatch(/^base64 -d .*\| curl/);
  expect(await studio.text('#announcer')).toMatch(/^Command copied/);
  await page.locator('#copy-link').click();
  await expect.poll(() => studio.text('#announcer')).toMatch(/^Link copied/);
  await page.evaluate(() => {
    HTMLCanvasElement.prototype.toBlob = (take) => take(null);
  });
  await page.locator('#copy-curl').click();
  await expect.poll(() => studio.text('#notices')).toMatch(/could not be encoded/);
});

test('a picture is saved under its prompt, or its model where there is none', async () => {
  const { page } = studio;
  await drawLine();
  const nameFor = async (prompt: string) => {
    await page.locator('#prompt').fill(prompt);
    await page.locator('#prompt').blur();
    await studio.picture();
    return (await studio.download('#save-picture')).name;
  };
  expect(await nameFor('a Duck')).toBe('a-duck-7.png');
  expect(await nameFor(' Ein Käfer, übergroß! ')).toBe('ein-kafer-ubergroß-7.png');
  expect(await nameFor('a very long walk '.repeat(8))).toBe(
    'a-very-long-walk-a-very-long-walk-a-very-long-walk-a-very-7.png',
  );
  expect(await nameFor('?!')).toBe('tiny-sketch-7.png');
  await page.locator('#model').selectOption('tiny-day-night');
  await studio.picture();
  expect((await studio.download('#save-picture')).name).toBe('tiny-day-night-7.png');
});

test('a picture is saved as it is on screen where the server cannot make it again', async () => {
  const { page } = studio;
  await drawLine();
  await studio.picture();
  await page.route('**/v1/translate', (route) => route.abort('connectionrefused'));
  const { name, bytes } = await studio.download('#save-picture');
  expect(name).toMatch(/-7\.jpg$/);
  expect(await sharp(bytes).metadata()).toMatchObject({ format: 'jpeg', width: 64, height: 64 });
  expect(await page.locator('.toast').textContent()).toContain('Server out of reach');
});

test('while a picture is made to be saved, Save says so, starts no second one, and Escape stops it', async () => {
  const { page } = studio;
  const save = page.locator('#save-picture');
  await drawLine();
  await studio.picture();
  let requests = 0;
  let goOn = () => {};
  await page.route('**/v1/translate', async (route) => {
    requests += 1;
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
    await route.continue().catch(() => {});
  });
  const download = page.waitForEvent('download');
  await save.click();
  expect(await save.textContent()).toBe('Saving… picture');
  expect(await save.getAttribute('aria-busy')).toBe('true');
  // Forced: it is marked as disabled. And the drawing may go on.
  for (const _ of [1, 2]) await save.click({ force: true });
  await studio.stroke([0.1, 0.9], [0.9, 0.9]);
  await expect.poll(() => requests).toBe(1);
  goOn();
  expect((await download).suggestedFilename()).toMatch(/\.png$/);
  await expect.poll(() => save.textContent()).toBe('Save picture');
  expect(requests).toBe(1);
  await save.click();
  await expect.poll(() => requests).toBe(2);
  await page.keyboard.press('Escape');
  await expect.poll(() => studio.text('.toast')).toBe('Not saved.');
  expect(await save.getAttribute('aria-disabled')).toBe('false');
  goOn();
});

test('the sketch is saved as it is seen', async () => {
  await drawLine();
  const { name, bytes } = await studio.download('#save-sketch');
  expect(name).toBe('sketch.png');
  const { data, info } = await sharp(bytes).greyscale().raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([512, 512]);
  expect(data[Math.round(0.2 * 512) * 512 + Math.round(0.2 * 512)]).toBeLessThan(64);
  expect(data[0]).toBe(255);
});

test('the strip keeps what came to rest; choosing one brings back drawing and settings, and can be undone', async () => {
  const { page } = studio;
  await drawLine();
  const first = await studio.picture();
  await expect.poll(() => page.locator('#history button').count()).toBe(1);
  await page.locator('.chip', { hasText: 'Anime' }).click();
  await studio.stroke([0.1, 0.9], [0.9, 0.9]);
  const second = await studio.picture();
  await expect.poll(() => page.locator('#history button').count()).toBe(2);
  await page.locator('#history button').nth(1).click();
  await expect.poll(() => studio.picture()).toBe(first);
  expect(await page.locator('.chip', { hasText: 'None' }).locator('input').isChecked()).toBe(true);
  expect(await studio.brightness([0.5, 0.9])).toBe(255);
  await page.locator('#undo').click();
  await page.locator('.chip', { hasText: 'Anime' }).click();
  await expect.poll(() => studio.picture()).toBe(second);
});

test('the strip holds nothing twice: undo, redo and going back make nothing new', async () => {
  const { page } = studio;
  const prints = page.locator('#history button');
  await drawLine();
  await expect.poll(() => prints.count()).toBe(1);
  const first = await studio.picture();
  await studio.stroke([0.1, 0.9], [0.9, 0.9]);
  await expect.poll(() => prints.count()).toBe(2);
  const settle = async () => {
    await studio.picture();
    await studio.rest(1_300);
  };
  await page.locator('#undo').click();
  await settle();
  await page.locator('#redo').click();
  await settle();
  expect(await prints.count()).toBe(2);
  await prints.nth(1).click();
  await expect.poll(() => studio.picture()).toBe(first);
  await settle();
  expect(await prints.count()).toBe(2);
  await page.locator('#dice').click();
  await expect.poll(() => prints.count()).toBe(3);
});

test('paused, the picture stands still; going on, it catches up', async () => {
  const { page } = studio;
  await drawLine();
  const before = await studio.picture();
  await page.locator('#pad').focus();
  await page.keyboard.press('Space');
  expect(await studio.text('#connection-text')).toBe('Paused');
  await studio.stroke([0.1, 0.9], [0.9, 0.9]);
  await page.locator('#dice').click();
  await studio.rest(400);
  expect(await studio.picture()).toBe(before);
  await page.locator('#pad').focus();
  await page.keyboard.press('Space');
  await expect.poll(() => studio.picture()).not.toBe(before);
});

test('a problem is shown with title and detail, and leaves when things work again', async () => {
  const { page } = studio;
  await drawLine();
  await studio.picture();
  await page.evaluate(() => {
    location.hash = '#model=tiny-edge&prompt=a+fox&low=300&high=200&seed=9';
  });
  await expect.poll(() => studio.text('#notices')).toMatch(/Invalid request.*low_threshold 300 is above/s);
  expect(await page.locator('#notices').getAttribute('role')).toBe('alert');
  // What is drawn meanwhile is made with the settings before; the problem stands as long as it is there.
  const before = await studio.picture();
  await studio.stroke([0.1, 0.9], [0.9, 0.9]);
  expect(await studio.picture()).not.toBe(before);
  expect(await studio.text('#notices')).toMatch(/Invalid request/);
  // And whatever tells of the picture tells of those.
  expect(await page.locator('#result').getAttribute('aria-label')).toMatch(/seed 7$/);
  expect((await studio.download('#save-picture')).name).toMatch(/-7\.png$/);
  await page.locator('#high').fill('400');
  await expect.poll(() => studio.text('#notices')).toBe('');
});

test('round trip and pictures per second are shown', async () => {
  for (let line = 1; line < 6; line++) await studio.stroke([0.1, line / 6], [0.9, line / 6]);
  await expect.poll(() => studio.text('#speed')).toMatch(/^\d+ ms · \d+(\.\d)?\/s$/);
});

test('another link in the same tab brings its picture, whatever was set before', async () => {
  const { page } = studio;
  await page.locator('.chip', { hasText: 'Anime' }).click();
  await page.locator('#template').fill('{prompt} in ink');
  await page.evaluate(() => {
    location.hash = '#model=tiny-sketch&prompt=costs+$$5&seed=9&direction=nowhere';
  });
  await expect.poll(() => page.locator('#prompt').inputValue()).toBe('costs $$5');
  expect(await page.locator('.chip input:checked').count()).toBeLessThan(2);
  expect(await page.locator('.chip', { hasText: 'Anime' }).locator('input').isChecked()).toBe(false);
  await drawLine();
  await studio.picture();
  expect(await page.locator('#result').getAttribute('aria-label')).toBe('“costs $$5”, seed 9');
  await page.locator('#template').fill('{prompt} in ink');
  await page.locator('#template').blur();
  await expect
    .poll(() => page.locator('#result').getAttribute('aria-label'))
    .toMatch(/^“costs \$\$5 in ink”/);
});

test('keys without Ctrl can be switched off, and stay so', async () => {
  const { page } = studio;
  const pressed = (id: string) => page.locator(id).getAttribute('aria-pressed');
  await page.locator('#help').click();
  await page.locator('#single-keys').uncheck();
  await page.locator('#help-close').click();
  await page.keyboard.press('e');
  expect(await pressed('#eraser')).toBe('false');
  await page.reload();
  await page.locator('html[data-ready]').waitFor({ state: 'attached' });
  await page.keyboard.press('e');
  expect(await pressed('#eraser')).toBe('false');
  await page.locator('#help').click();
  await page.locator('#single-keys').check();
  await page.locator('#help-close').click();
  await page.keyboard.press('e');
  expect(await pressed('#eraser')).toBe('true');
});

test('the list of keys has all of them', async () => {
  await studio.page.locator('#help').click();
  const keys = await studio.page.locator('#keys dt').allTextContents();
  for (const name of ['Shift+Arrows', 'Escape', 'Ctrl+Shift+Z, Ctrl+Y']) expect(keys).toContain(name);
});

test('everything works by keyboard alone', async () => {
  const { page } = studio;
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.tagName);
  const tabTo = async (id: string) => {
    for (let presses = 0; presses < 60 && (await focused()) !== id; presses++)
      await page.keyboard.press('Tab');
    expect(await focused()).toBe(id);
    const seen = await page.evaluate(() => document.activeElement?.matches(':focus-visible'));
    expect(seen, `${id} shows its focus`).toBe(true);
  };
  await tabTo('pad');
  await page.keyboard.press('Enter');
  for (let step = 0; step < 12; step++) await page.keyboard.press('ArrowRight');
  for (let step = 0; step < 12; step++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  const drawn = await studio.picture();
  expect(drawn).toMatch(/^64x64/);
  expect(await studio.brightness([0.6, 0.5])).toBe(0);
  await tabTo('prompt');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('be an [x] fox ? r');
  const worded = await studio.picture();
  expect(worded).not.toBe(drawn);
  // None of those letters did what they do elsewhere.
  expect(await page.locator('#pen').getAttribute('aria-pressed')).toBe('true');
  expect(await page.locator('#seed').inputValue()).toBe('7');
  expect(await page.locator('#width').inputValue()).toBe('6');
  expect(await page.locator('#pause').getAttribute('aria-pressed')).toBe('false');
  expect(await page.locator('#help-dialog').isVisible()).toBe(false);
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowRight');
  expect(await page.locator('.chip', { hasText: 'Cinematic' }).locator('input').isChecked()).toBe(true);
  await tabTo('gamma');
  await page.keyboard.press('Home');
  expect(await studio.text('#gamma-value')).toBe('0.00');
  await tabTo('dice');
  await page.keyboard.press('Space');
  expect(await page.locator('#seed').inputValue()).not.toBe('7');
  expect(await page.locator('#pause').getAttribute('aria-pressed')).toBe('false');
  await page.keyboard.press(']');
  expect(await page.locator('#width').inputValue()).toBe('8');
  await page.keyboard.press('?');
  expect(await page.locator('#help-dialog').isVisible()).toBe(true);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+z');
  expect(await studio.picture()).toBe('none');
});
