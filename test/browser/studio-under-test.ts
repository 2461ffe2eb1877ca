/** The frame of a file of browser tests: one server and one browser for all of them, a fresh page of the studio for each. */
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { RealServer } from './real-server.js';
import { launch, StudioPage } from './studio-page.js';

export const server = new RealServer();
export let browser: Browser;
/** The page of the test that runs. */
export let studio: StudioPage;

export function useServerAndBrowser(): void {
  beforeAll(async () => {
    [browser] = await Promise.all([launch(), server.start()]);
  });

  afterAll(async () => {
    await browser.close();
    await server.stop();
  });
}

/** Opens the studio before each test, closes it after, and expects that nothing happened that should never be. */
export function useStudio(options: BrowserContextOptions = {}): void {
  useServerAndBrowser();

  beforeEach(() => openStudio(options));

  afterEach(async () => {
    await studio.close();
    expect(studio.faults).toEqual([]);
  });
}

/** The same test on another kind of screen. */
export async function reopenStudio(options: BrowserContextOptions, settings = '#seed=7'): Promise<void> {
  await studio.close();
  await openStudio(options, settings);
}

async function openStudio(options: BrowserContextOptions, settings = '#seed=7'): Promise<void> {
  studio = await StudioPage.open(browser, `${server.url}${settings}`, options);
}

export const drawLine = (): Promise<void> => studio.stroke([0.2, 0.2], [0.8, 0.3], [0.5, 0.8]);
