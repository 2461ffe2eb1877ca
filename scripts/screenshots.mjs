/**
 * Takes the pictures of the studio that stand in the README, from the running page: `npm run screenshots`.
 * Starts the built server on `MODELS_DIR` (default: models, the shipped ones) and uses the page in Chromium.
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
const DESKTOP = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

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
  await shoot('studio-desktop', DESKTOP, drawExample);
  await shoot('studio-compare', { ...DESKTOP, colorScheme: 'dark' }, compareStreet);
  await shoot('studio-phone', PHONE, drawExample);
} finally {
  await browser.close();
  server.kill();
}

async function shoot(name, options, prepare) {
  const context = await browser.newContext({ ...options, reducedMotion: 'reduce' });
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  await page.goto(`${url}#seed=${SEED}`);
  await prepare(page);
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

/** Tries a few styles, so that the strip has something to show. */
async function drawExample(page) {
  await page.locator('#example').click();
  await rest(page);
  for (const style of ['Neonpunk', 'Pixel Art', 'Fantasy Art', '3D Model']) {
    await page.locator('.chip', { hasText: style }).click();
    await rest(page);
  }
}

/** The street by day, half of it turned into night. */
async function compareStreet(page) {
  await page.locator('#model').selectOption('day-night');
  await page.locator('#example').click();
  await rest(page);
  await page.locator('#compare').click();
  await rest(page);
}

/** Waits until the newest picture is shown and the strip has taken it in. */
async function rest(page) {
  await sleep(300);
  await page.locator('#picture-stage[data-state="shown"] > #result[aria-busy="false"]').waitFor();
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
