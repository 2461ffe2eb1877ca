/** The studio as its user sees it: where to draw, what is shown, when it has come to rest. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Download,
  type Page,
} from 'playwright-core';
import { expect } from 'vitest';

const require = createRequire(import.meta.url);
/** No newer picture for this long: the one on show is the last. */
const REST_MS = 250;

export const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--use-fake-device-for-media-stream',
    ],
  });
}

type Place = readonly [x: number, y: number];

export class StudioPage {
  readonly page: Page;
  /** What should never be: requests to elsewhere, messages of the console, breaches of the policy. */
  readonly faults: string[] = [];

  static async open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<StudioPage> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    const studio = new StudioPage(await context.newPage(), new URL(url).origin);
    await studio.page.goto(url);
    await studio.page.locator('html[data-ready]').waitFor({ state: 'attached' });
    await studio.page.locator('#connection[data-state="live"]').waitFor();
    return studio;
  }

  private constructor(page: Page, origin: string) {
    this.page = page;
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol !== 'blob:' && url.protocol !== 'data:' && url.origin !== origin)
        this.faults.push(url.href);
    });
    page.on('websocket', (socket) => {
      if (new URL(socket.url()).host !== new URL(origin).host) this.faults.push(socket.url());
    });
    page.on('pageerror', (error) => this.faults.push(String(error.stack)));
    page.on('console', (message) => {
      const expected =
        message.text().includes('ERR_CONNECTION_REFUSED') || message.text().includes('WebSocket');
      if ((message.type() === 'error' || message.type() === 'warning') && !expected) {
        this.faults.push(message.text());
      }
    });
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }

  /** A stroke with the mouse; places are 0–1 of the sheet. */
  async stroke(...places: readonly Place[]): Promise<void> {
    await this.beginStroke(...places);
    await this.page.mouse.up();
  }

  /** The same with the button still down. */
  async beginStroke(...places: readonly Place[]): Promise<void> {
    const [first, ...rest] = await this.onScreen(places);
    if (first === undefined) return;
    await this.page.mouse.move(...first);
    await this.page.mouse.down();
    for (const place of rest) await this.page.mouse.move(...place, { steps: 6 });
  }

  /** Places of the sheet, 0–1, in pixels of the window. */
  async onScreen(places: readonly Place[]): Promise<[number, number][]> {
    const box = await this.page.locator('#pad').boundingBox();
    if (box === null) throw new Error('The sheet is not on screen');
    return places.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height]);
  }

  /** The picture on show when no newer one is on its way; the same picture gives the same text. */
  async picture(): Promise<string> {
    const stage = this.page.locator('#picture-stage');
    let resting = 0;
    await expect
      .poll(async () => {
        const busy = (await stage.locator('#result').getAttribute('aria-busy')) !== 'false';
        resting = busy ? 0 : resting + 50;
        return resting;
      })
      .toBeGreaterThan(REST_MS);
    if ((await stage.getAttribute('data-state')) !== 'shown') return 'none';
    return this.page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('#result') ?? document.createElement('canvas');
      // Read from a copy: reading back the page's own canvas would move it off the graphics card.
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
      copy?.drawImage(canvas, 0, 0);
      let hash = 2166136261;
      for (const value of copy?.getImageData(0, 0, canvas.width, canvas.height).data ?? []) {
        hash = Math.imul(hash ^ value, 16777619) >>> 0;
      }
      return `${canvas.width}x${canvas.height} ${hash.toString(16)}`;
    });
  }

  /** Drops a picture onto each of these parts of the page, all at the same moment. */
  async drop(...drops: readonly { target: string; png: Buffer }[]): Promise<void> {
    await this.page.evaluate(
      (all) => {
        const transfers = all.map(({ target, data }) => {
          const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], 'a.png', { type: 'image/png' }));
          return { target, options: { bubbles: true, cancelable: true, dataTransfer } };
        });
        for (const { target, options } of transfers) {
          document.querySelector(target)?.dispatchEvent(new DragEvent('dragover', options));
          document.querySelector(target)?.dispatchEvent(new DragEvent('drop', options));
        }
      },
      drops.map(({ target, png }) => ({ target, data: png.toString('base64') })),
    );
  }

  /** 0 black to 255 white, at a place 0–1 of the sheet. */
  brightness([x, y]: Place): Promise<number> {
    return this.page.evaluate(
      ([left, top]) => {
        const canvas = document.querySelector<HTMLCanvasElement>('#pad') ?? document.createElement('canvas');
        const copy = new OffscreenCanvas(1, 1).getContext('2d');
        copy?.drawImage(canvas, -Math.floor(left * canvas.width), -Math.floor(top * canvas.height));
        return copy?.getImageData(0, 0, 1, 1).data[0] ?? -1;
      },
      [x, y] as const,
    );
  }

  /** Violations of WCAG 2.2 A and AA that axe finds, as sentences. */
  async violations(): Promise<string[]> {
    await this.page.evaluate(await readFile(require.resolve('axe-core/axe.min.js'), 'utf8'));
    return this.page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
      const { violations } = await axe.run(document, { runOnly: tags });
      return violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`,
      );
    });
  }

  /** What a click on this button downloads. */
  async download(button: string): Promise<{ name: string; bytes: Buffer }> {
    const waiting: Promise<Download> = this.page.waitForEvent('download');
    await this.page.locator(button).click();
    const download = await waiting;
    return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
  }

  async text(selector: string): Promise<string> {
    return (await this.page.locator(selector).textContent()) ?? '';
  }

  async rest(ms: number): Promise<void> {
    await sleep(ms);
  }
}
