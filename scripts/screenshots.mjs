/**
 * Takes the pictures of the studio that stand in the README, from the running page: `npm run screenshots`.
 * Starts the built server on `MODELS_DIR` (default: models, the shipped ones) and draws the example in Chromium.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const OUT = fileURLToPath(new URL('../docs/images/', import.meta.url));
const SERVER = fileURLToPath(new URL('../dist/server.js', import.meta.url));
/** What the README can bear. */
const MAX_BYTES = 300_000;
const SEED = 3;

const port = await freePort();
const url = `http://127.0.0.1:${port}/`;
const server = spawn(process.execPath, [SERVER], {
  stdio: ['ignore', 'ignore', 'inherit'],
  env: { ...process.env, PORT: String(port), LOG_LEVEL: 'silent' },
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
try {
  await ready();
  await mkdir(OUT, { recursive: true });
  await shoot('studio-desktop', { viewport: { width: 1440, height: 900 } });
  await shoot('studio-dark', { viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });
  await shoot('studio-phone', {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    hasTouch: true,
    isMobile: true,
  });
} finally {
  await browser.close();
  server.kill();
}

/** Draws the example, tries three styles so that the strip has something to show, and takes the picture. */
async function shoot(name, options) {
  const context = await browser.newContext({ ...options, reducedMotion: 'reduce' });
  const page = await context.newPage();
  await page.goto(`${url}#seed=${SEED}`);
  await page.locator('#example').click();
  await rest(page);
  for (const style of ['Pixel Art', 'Neonpunk', 'Anime', '3D Model']) {
    await page.locator('.chip', { hasText: style }).click();
    await rest(page);
  }
  // Only the focus of a click that nobody made would show.
  await page.evaluate(() => document.activeElement?.blur());
  await page.evaluate(() => scrollTo(0, 0));
  const path = `${OUT}${name}.jpg`;
  await page.screenshot({ path, type: 'jpeg', quality: 88 });
  const { size } = await stat(path);
  if (size > MAX_BYTES) throw new Error(`${path} has ${size} bytes, more than ${MAX_BYTES}`);
  console.log(`${path}: ${size} bytes`);
  await context.close();
}

/** Waits until the newest picture is shown and the strip has taken it in. */
async function rest(page) {
  await sleep(300);
  await page.locator('#picture-stage[data-state="shown"][aria-busy="false"]').waitFor({ timeout: 120_000 });
  await sleep(1_300);
}

async function ready() {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`The server ended with ${server.exitCode}`);
    const answer = await fetch(`${url}health/ready`).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(200);
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address();
  probe.close();
  await once(probe, 'close');
  return free;
}
