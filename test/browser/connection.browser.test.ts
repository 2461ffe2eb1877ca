import { expect, test } from 'vitest';
import { Relay } from './relay.js';
import { StudioPage } from './studio-page.js';
import { browser, server, useServerAndBrowser } from './studio-under-test.js';

useServerAndBrowser();

test('a page that comes back into view on a dead line is connected anew within seconds', async () => {
  const relay = await Relay.open(server.url);
  const studio = await StudioPage.open(browser, `${relay.url}#seed=7`, { reducedMotion: 'reduce' });
  const { page } = studio;
  await studio.stroke([0.2, 0.2], [0.8, 0.3]);
  const before = await studio.picture();
  relay.killLines();
  const anew = page.waitForEvent('websocket', { timeout: 12_000 });
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await studio.stroke([0.1, 0.9], [0.9, 0.9]);
  await anew;
  expect(await studio.picture()).not.toBe(before);
  await studio.close();
  await relay.close();
  expect(studio.faults).toEqual([]);
});
