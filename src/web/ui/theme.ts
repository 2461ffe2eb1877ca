/** Light or dark: the system's wish, until the button says otherwise. */
import { find } from './dom.js';
import { keep, recall } from './preferences.js';

const KEPT_AS = 'img2img-theme';

export function startTheme(): void {
  const root = document.documentElement;
  const kept = recall(KEPT_AS);
  if (kept === 'light' || kept === 'dark') root.dataset.theme = kept;
  find('#theme', HTMLButtonElement).addEventListener('click', () => {
    const dark =
      (root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) ===
      'dark';
    root.dataset.theme = dark ? 'light' : 'dark';
    keep(KEPT_AS, root.dataset.theme);
  });
}
