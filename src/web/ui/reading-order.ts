/** The order in which screen readers and Tab come to the parts of the page: as the eye meets them, in each layout. */
import { find } from './dom.js';

/** The layouts' styles say it, in `--reading-order`: what CSS alone reorders, it reorders for the eye only. */
export function startReadingOrder(): void {
  const studio = find('.studio', HTMLElement);
  const arrange = () => {
    const names = getComputedStyle(studio).getPropertyValue('--reading-order').trim().split(/\s+/);
    const wanted = names.map((name) => find(`.studio > .${name}`, HTMLElement));
    if (wanted.every((part, index) => part === studio.children[index])) return;
    const focused = document.activeElement;
    studio.prepend(...wanted);
    // What is moved loses it.
    if (focused instanceof HTMLElement && studio.contains(focused)) focused.focus({ preventScroll: true });
  };
  addEventListener('resize', arrange);
  arrange();
}
