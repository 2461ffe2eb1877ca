/** Keeps the drawing over a reload: phones throw pages away as soon as another app wants the memory. */
import type { Drawing, Operation } from './document.js';

const KEPT_AS = 'img2img-drawing';
const DELAY_MS = 400;

/**
 * What this tab had on its sheet when it was left, and from now on what it has. Pictures are not kept: a drawing with
 * one in it would come back without what it was drawn on, so it does not come back at all.
 */
export function restoreAndKeep(drawing: Drawing): void {
  try {
    const kept = sessionStorage.getItem(KEPT_AS);
    if (kept !== null) for (const operation of JSON.parse(kept) as Operation[]) drawing.add(operation);
  } catch {
    // Storage is switched off, or holds what an older page left: the sheet starts empty.
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  const keep = () => {
    clearTimeout(timer);
    timer = undefined;
    try {
      if (holdsPicture(drawing.operations)) sessionStorage.removeItem(KEPT_AS);
      else sessionStorage.setItem(KEPT_AS, JSON.stringify(drawing.operations));
    } catch {
      // Full or switched off: the drawing lasts as long as the page.
    }
  };
  drawing.onChange(() => {
    timer ??= setTimeout(keep, DELAY_MS);
  });
  addEventListener('pagehide', keep);
}

function holdsPicture(operations: readonly Operation[]): boolean {
  return operations.some(
    (operation) =>
      operation.kind === 'picture' || (operation.kind === 'replace' && holdsPicture(operation.operations)),
  );
}
