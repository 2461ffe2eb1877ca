/** Light or dark: the system's wish, until the button says otherwise. */
import { find } from './dom.js';

const KEPT_AS = 'img2img-theme';

export function startTheme(): void {
  const root = document.documentElement;
  const kept = read();
  if (kept === 'light' || kept === 'dark') root.dataset.theme = kept;
  find('#theme', HTMLButtonElement).addEventListener('click', () => {
    const dark =
      (root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) ===
      'dark';
    root.dataset.theme = dark ? 'light' : 'dark';
    try {
      localStorage.setItem(KEPT_AS, root.dataset.theme);
    } catch {
      // Storage is switched off: the choice lasts as long as the page.
    }
  });
}

function read(): string | null {
  try {
    return localStorage.getItem(KEPT_AS);
  } catch {
    return null;
  }
}
