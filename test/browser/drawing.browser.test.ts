import { describe, expect, test } from 'vitest';
import { PHONE } from './studio-page.js';
import { drawLine, reopenStudio, server, studio, useStudio } from './studio-under-test.js';

useStudio();

interface Finger {
  x: number;
  y: number;
  id: number;
}

test('a stroke drawn with the mouse becomes a picture, and a second one another', async () => {
  expect(await studio.picture()).toBe('none');
  await drawLine();
  const first = await studio.picture();
  expect(first).toMatch(/^64x64 /);
  await studio.stroke([0.1, 0.9], [0.9, 0.9]);
  expect(await studio.picture()).not.toBe(first);
});

test('the picture follows while the stroke is still being drawn', async () => {
  const [start, middle, end] = await studio.onScreen([
    [0.2, 0.2],
    [0.7, 0.4],
    [0.3, 0.9],
  ] as const);
  await studio.page.mouse.move(...(start ?? [0, 0]));
  await studio.page.mouse.down();
  await studio.page.mouse.move(...(middle ?? [0, 0]), { steps: 5 });
  const half = await studio.picture();
  expect(half).not.toBe('none');
  await studio.page.mouse.move(...(end ?? [0, 0]), { steps: 5 });
  expect(await studio.picture()).not.toBe(half);
  await studio.page.mouse.up();
});

test('style, template, seed, sketch guidance and prompt each change the picture', async () => {
  await drawLine();
  const seen = [await studio.picture()];
  const { page } = studio;
  const changes: Record<string, () => Promise<unknown>> = {
    style: () => page.locator('.chip', { hasText: 'Anime' }).click(),
    template: () => page.locator('#template').fill('a small {prompt}, on the moon'),
    seed: () => page.locator('#dice').click(),
    gamma: () => page.locator('#gamma').fill('0.9'),
    prompt: () => page.locator('#prompt').fill('a castle'),
  };
  for (const [name, change] of Object.entries(changes)) {
    await change();
    await expect.poll(() => studio.picture(), { message: name }).not.toBe(seen.at(-1));
    const picture = await studio.picture();
    expect(seen, name).not.toContain(picture);
    seen.push(picture);
  }
});

test('undo brings the earlier picture back, redo the later one, and clear none', async () => {
  const { page } = studio;
  await drawLine();
  const first = await studio.picture();
  await studio.stroke([0.1, 0.9], [0.9, 0.9]);
  const second = await studio.picture();
  await page.keyboard.press('Control+z');
  await expect.poll(() => studio.picture()).toBe(first);
  await page.keyboard.press('Control+Shift+z');
  await expect.poll(() => studio.picture()).toBe(second);
  await page.locator('#clear').click();
  expect(await studio.picture()).toBe('none');
  await page.locator('#undo').click();
  await expect.poll(() => studio.picture()).toBe(second);
  await page.locator('#undo').click();
  await page.locator('#undo').click();
  expect(await studio.picture()).toBe('none');
});

test('a change is translated though the sketch is saved before it was painted', async () => {
  const { page } = studio;
  await drawLine();
  const first = await studio.picture();
  await studio.stroke([0.1, 0.9], [0.9, 0.9]);
  expect(await studio.picture()).not.toBe(first);
  await page.evaluate(() => {
    document.querySelector<HTMLButtonElement>('#undo')?.click();
    document.querySelector<HTMLButtonElement>('#save-sketch')?.click();
  });
  await expect.poll(() => studio.picture()).toBe(first);
});

test('the eraser takes ink away, and light strokes turn the whole sheet over', async () => {
  const { page } = studio;
  await studio.stroke([0.2, 0.5], [0.8, 0.5]);
  expect(await studio.brightness([0.5, 0.5])).toBe(0);
  await page.keyboard.press('e');
  await studio.stroke([0.5, 0.3], [0.5, 0.7]);
  expect(await studio.brightness([0.5, 0.5])).toBe(255);
  expect(await studio.brightness([0.3, 0.5])).toBe(0);
  await page.keyboard.press('x');
  await expect.poll(() => studio.brightness([0.3, 0.5])).toBe(255);
  expect(await studio.brightness([0.5, 0.5])).toBe(0);
});

test('a server killed and started again in the middle of a stroke loses nothing of it', async () => {
  const { page } = studio;
  await drawLine();
  const before = await studio.picture();
  const places = await studio.onScreen([
    [0.1, 0.1],
    [0.1, 0.5],
    [0.1, 0.9],
  ] as const);
  const [start, middle, end] = places as [[number, number], [number, number], [number, number]];
  await page.mouse.move(...start);
  await page.mouse.down();
  await page.mouse.move(...middle, { steps: 8 });
  await server.kill();
  await page.locator('#connection[data-state="waiting"]').waitFor();
  await page.mouse.move(...end, { steps: 8 });
  await page.mouse.up();
  await studio.stroke([0.9, 0.1], [0.9, 0.9]);
  expect(await studio.text('#connection-text')).toMatch(/Offline/);
  await server.start();
  await page.locator('#connection[data-state="live"]').waitFor({ timeout: 30_000 });
  const after = await studio.picture();
  expect(after).not.toBe(before);
  for (const place of [
    [0.1, 0.3],
    [0.1, 0.7],
    [0.9, 0.5],
  ] as const)
    expect(await studio.brightness(place)).toBe(0);
  // What is shown is the picture of all three strokes: taking the last away and back gives the same again.
  await page.keyboard.press('Control+z');
  await expect.poll(() => studio.picture()).not.toBe(after);
  await page.keyboard.press('Control+Shift+z');
  await expect.poll(() => studio.picture()).toBe(after);
});

test('a pen that presses harder draws a wider line', async () => {
  const session = await studio.page.context().newCDPSession(studio.page);
  const draw = async (y: number, force: number) => {
    const [start, end] = (await studio.onScreen([
      [0.2, y],
      [0.8, y],
    ] as const)) as [[number, number], [number, number]];
    const event = { button: 'left', buttons: 1, pointerType: 'pen', force, clickCount: 1 } as const;
    await session.send('Input.dispatchMouseEvent', {
      type: 'mousePressed',
      x: start[0],
      y: start[1],
      ...event,
    });
    for (let step = 1; step <= 10; step++) {
      const x = start[0] + ((end[0] - start[0]) * step) / 10;
      await session.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y: start[1], ...event });
    }
    await session.send('Input.dispatchMouseEvent', {
      type: 'mouseReleased',
      x: end[0],
      y: end[1],
      ...event,
      buttons: 0,
    });
  };
  const thickness = async (y: number) => {
    let dark = 0;
    for (let step = -24; step <= 24; step++)
      if ((await studio.brightness([0.5, y + step / 1024])) < 128) dark++;
    return dark;
  };
  await draw(0.3, 0.15);
  await draw(0.7, 0.95);
  await studio.picture();
  expect(await thickness(0.7)).toBeGreaterThan((await thickness(0.3)) + 3);
});

test('a stroke keeps the tool it began with', async () => {
  const { page } = studio;
  await studio.beginStroke([0.2, 0.5], [0.8, 0.5]);
  await page.keyboard.press('e');
  await page.mouse.up();
  expect(await studio.brightness([0.5, 0.5])).toBe(0);
});

test('the example is drawn with its own pen, also where the eraser was in hand', async () => {
  const { page } = studio;
  await page.locator('#eraser').click();
  await page.locator('#example').click();
  expect(await studio.picture()).toMatch(/^64x64/);
  expect(await page.locator('#eraser').getAttribute('aria-pressed')).toBe('true');
});

test('the keyboard’s pen keeps what the mouse had begun, and Enter held down puts it down once', async () => {
  const { page } = studio;
  await page.locator('#pad').focus();
  await studio.beginStroke([0.2, 0.2], [0.8, 0.2]);
  await page.keyboard.down('Enter');
  await page.keyboard.down('Enter');
  await page.keyboard.up('Enter');
  for (let step = 0; step < 8; step++) await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.mouse.up();
  expect(await studio.brightness([0.5, 0.2])).toBe(0);
  expect(await studio.brightness([0.55, 0.5])).toBe(0);
});

describe('a pen', () => {
  const pointer = (
    type: string,
    id: number,
    pointerType: string,
    [x, y]: readonly [number, number],
    button = 0,
  ) =>
    studio.page.locator('#pad').evaluate(
      (pad, options) => {
        const box = pad.getBoundingClientRect();
        const { type, x, y, ...rest } = options;
        const place = { clientX: box.left + x * box.width, clientY: box.top + y * box.height };
        pad.dispatchEvent(new PointerEvent(type, { ...rest, ...place, bubbles: true, cancelable: true }));
      },
      { type, pointerId: id, pointerType, x, y, button, isPrimary: true, pressure: 0.5 },
    );
  // Pointers that are made up cannot be captured.
  const allowMadeUp = () =>
    studio.page.evaluate(() => {
      HTMLElement.prototype.setPointerCapture = () => {};
    });
  const line = async (kind: 'pen' | 'touch', y: number, button = 0) => {
    const id = kind === 'pen' ? 8 : 9;
    await pointer('pointerdown', id, kind, [0.2, y], button);
    await pointer('pointermove', id, kind, [0.8, y]);
    await pointer('pointerup', id, kind, [0.8, y], button);
  };
  const inkAt = (y: number) => studio.brightness([0.5, y]);

  test('draws though its hand lay down first, and its other end erases', async () => {
    await allowMadeUp();
    await pointer('pointerdown', 7, 'touch', [0.9, 0.9]);
    await pointer('pointermove', 7, 'touch', [0.9, 0.95]);
    await line('pen', 0.5);
    await pointer('pointerup', 7, 'touch', [0.9, 0.95]);
    await expect.poll(() => inkAt(0.5)).toBe(0);
    expect(await studio.brightness([0.9, 0.92])).toBe(255);
    await line('pen', 0.5, 5);
    await expect.poll(() => inkAt(0.5)).toBe(255);
  });

  test('is the only one that draws, once it has: a resting hand leaves nothing, until fingers are switched on', async () => {
    const { page } = studio;
    await allowMadeUp();
    await line('touch', 0.2);
    await expect.poll(() => inkAt(0.2)).toBe(0);
    expect(await page.locator('#fingers').isVisible()).toBe(false);
    await line('pen', 0.4);
    await line('touch', 0.6);
    await expect.poll(() => inkAt(0.4)).toBe(0);
    expect(await inkAt(0.6)).toBe(255);
    expect(await page.locator('#fingers').getAttribute('aria-pressed')).toBe('false');
    await page.locator('#fingers').click();
    expect(await page.locator('#fingers').getAttribute('aria-pressed')).toBe('true');
    await line('pen', 0.8);
    await line('touch', 0.6);
    await expect.poll(() => inkAt(0.6)).toBe(0);
  });
});

test('a finger draws on a phone, and neither the page scrolls nor anything sticks out', async () => {
  await reopenStudio(PHONE);
  const { page } = studio;
  const session = await page.context().newCDPSession(page);
  const [[x1, y1], [x2, y2]] = (await studio.onScreen([
    [0.3, 0.2],
    [0.6, 0.8],
  ] as const)) as [[number, number], [number, number]];
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x: x1, y: y1 }] });
  for (let step = 1; step <= 8; step++) {
    const x = x1 + ((x2 - x1) * step) / 8;
    const y = y1 + ((y2 - y1) * step) / 8;
    await session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: [{ x, y }] });
  }
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  expect(await studio.picture()).toMatch(/^64x64/);
  expect(await studio.brightness([0.45, 0.5])).toBe(0);
  const { scrolled, sideways } = await page.evaluate(() => ({
    scrolled: scrollY,
    sideways: document.documentElement.scrollWidth - innerWidth,
  }));
  expect({ scrolled, sideways }).toEqual({ scrolled: 0, sideways: 0 });
  // Sheet and picture are both in view while drawing.
  for (const id of ['#pad', '#result']) {
    const box = await page.locator(id).boundingBox();
    expect(box?.y).toBeGreaterThanOrEqual(0);
    expect((box?.y ?? 0) + (box?.height ?? 9999)).toBeLessThanOrEqual(844);
  }
});

describe('two fingers', () => {
  /** Places of the sheet as fingers on a phone. */
  const fingers = async (...places: [x: number, y: number][]): Promise<Finger[]> =>
    (await studio.onScreen(places)).map(([x, y], id) => ({ x, y, id }));
  const touchScreen = async () => {
    const session = await studio.page.context().newCDPSession(studio.page);
    return (type: 'touchStart' | 'touchMove' | 'touchEnd', ...touchPoints: Finger[]) =>
      session.send('Input.dispatchTouchEvent', { type, touchPoints });
  };
  const moved = (finger: Finger, to: Finger) => ({ ...to, id: finger.id });
  const canUndo = async () => (await studio.page.locator('#undo').getAttribute('aria-disabled')) === 'false';

  test('draw nothing, and take back what the first one had just begun', async () => {
    await reopenStudio(PHONE);
    const touch = await touchScreen();
    const [left, right, top, bottom] = (await fingers([0.2, 0.5], [0.8, 0.5], [0.5, 0.2], [0.5, 0.8])) as [
      Finger,
      Finger,
      Finger,
      Finger,
    ];
    await touch('touchStart', left);
    await expect.poll(() => studio.brightness([0.2, 0.5])).toBe(0);
    await touch('touchStart', left, top);
    await expect.poll(() => studio.brightness([0.2, 0.5])).toBe(255);
    await touch('touchMove', moved(left, right), moved(top, bottom));
    // One finger is still down: it does not go on drawing by itself.
    await touch('touchEnd', moved(left, right));
    await touch('touchMove', left);
    await touch('touchEnd');
    await studio.rest(300);
    for (const place of [
      [0.4, 0.5],
      [0.5, 0.4],
    ] as const)
      expect(await studio.brightness(place)).toBe(255);
    expect(await canUndo()).toBe(false);
    expect(await studio.picture()).toBe('none');
  });

  test('leave what the first one had drawn, and the next finger draws again', async () => {
    await reopenStudio(PHONE);
    const touch = await touchScreen();
    const [left, right, top, low] = (await fingers([0.2, 0.5], [0.8, 0.5], [0.5, 0.2], [0.2, 0.8])) as [
      Finger,
      Finger,
      Finger,
      Finger,
    ];
    await touch('touchStart', left);
    await touch('touchMove', moved(left, right));
    await expect.poll(() => studio.brightness([0.4, 0.5])).toBe(0);
    await touch('touchStart', moved(left, right), { ...top, id: 1 });
    await touch('touchEnd');
    expect(await studio.picture()).toMatch(/^64x64/);
    expect(await studio.brightness([0.4, 0.5])).toBe(0);
    await touch('touchStart', { ...low, id: 0 });
    await touch('touchMove', moved({ ...low, id: 0 }, { ...right, y: low.y }));
    await touch('touchEnd');
    await expect.poll(() => studio.brightness([0.4, 0.8])).toBe(0);
    await studio.page.locator('#undo').click();
    await expect.poll(() => studio.brightness([0.4, 0.8])).toBe(255);
    expect(await studio.brightness([0.4, 0.5])).toBe(0);
  });

  test('enlarge the page, as for those who see little', async () => {
    await reopenStudio(PHONE);
    const touch = await touchScreen();
    const [left, right] = (await fingers([0.4, 0.5], [0.6, 0.5])) as [Finger, Finger];
    await touch('touchStart', left, right);
    for (let step = 1; step <= 10; step++) {
      const apart = step * 8;
      await touch('touchMove', { ...left, x: left.x - apart }, { ...right, x: right.x + apart });
    }
    await touch('touchEnd');
    await expect.poll(() => studio.page.evaluate(() => visualViewport?.scale ?? 1)).toBeGreaterThan(1.5);
    expect(await canUndo()).toBe(false);
  });
});
