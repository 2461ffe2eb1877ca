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

test.each([
  [
    'a proxy that the server does not know',
    (text: string) => text.replace(/^Host: .*$/m, `Host: ${new URL(server.url).host}`),
    /Origin not allowed\. Pages of http.* may not call this server\. .*TRUST_PROXY/,
  ],
  [
    'a proxy that does not pass WebSockets on',
    (text: string) => text.replace(/^Connection: Upgrade$/m, 'Connection: close'),
    /does not open.*no WebSocket comes through/,
  ],
])('behind %s, the page says why it is not live', async (_, rewrite, reason) => {
  const relay = await Relay.open(server.url, rewrite);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(relay.url);
  await expect.poll(() => page.locator('#notices').textContent()).toMatch(reason);
  await context.close();
  await relay.close();
});
