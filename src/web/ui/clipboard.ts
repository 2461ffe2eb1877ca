/** Puts text on the clipboard, with whatever the browser has for it. */
import { make } from './dom.js';

/**
 * To be called in the click itself, also where the text is only being made: Safari lets a page write at no other time.
 * @throws what `text` is rejected with, or Error where the browser does not allow it
 */
export async function writeClipboard(text: string | Promise<string>): Promise<void> {
  try {
    await writeNow(text);
  } catch {
    // Refused, or not at hand; or there is no text, as is told here.
    writeByCommand(await text);
  }
}

/** @throws TypeError where the page comes neither from this computer nor over https: then there is no such API */
async function writeNow(text: string | Promise<string>): Promise<void> {
  if (typeof text === 'string') return navigator.clipboard.writeText(text);
  if (typeof ClipboardItem === 'undefined') return navigator.clipboard.writeText(await text);
  const blob = text.then((made) => new Blob([made], { type: 'text/plain' }));
  // Where nobody takes it, it is told of above.
  blob.catch(() => {});
  return navigator.clipboard
    .write([new ClipboardItem({ 'text/plain': blob })])
    .catch(async () => navigator.clipboard.writeText(await text));
}

/** The old command needs no permission. */
function writeByCommand(text: string): void {
  const area = make('textarea', { class: 'visually-hidden', 'aria-hidden': 'true' });
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  if (!copied) throw new Error('This browser did not allow copying.');
}
