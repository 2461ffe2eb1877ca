/** Keys that work anywhere on the page, except where the same key means something to what has the focus. */
import { find, make } from './dom.js';
import { keep, recall } from './preferences.js';

export interface Shortcut {
  /** For the list: `Ctrl+Z`. */
  keys: string;
  does: string;
  matches(event: KeyboardEvent): boolean;
  run(): void;
}

const KEPT_AS = 'img2img-single-keys';

/** A single key without modifiers, but for those that some layouts need for brackets: shift and AltGr. */
export function key(name: string): (event: KeyboardEvent) => boolean {
  return (event) =>
    singleKeys().checked &&
    (event.getModifierState('AltGraph') || !(event.ctrlKey || event.metaKey || event.altKey)) &&
    event.key.toLowerCase() === name.toLowerCase();
}

/** Whoever speaks to the computer, or hits keys by accident, can switch them off (WCAG 2.1.4). */
const singleKeys = () => find('#single-keys', HTMLInputElement);

/** Ctrl, or ⌘ on a Mac. */
export function ctrl(name: string, shift = false): (event: KeyboardEvent) => boolean {
  return (event) =>
    (event.ctrlKey || event.metaKey) &&
    !event.altKey &&
    event.shiftKey === shift &&
    event.key.toLowerCase() === name.toLowerCase();
}

export function listen(shortcuts: readonly Shortcut[]): void {
  const box = singleKeys();
  box.checked = recall(KEPT_AS) !== 'off';
  box.addEventListener('change', () => keep(KEPT_AS, box.checked ? 'on' : 'off'));
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing || takesKey(event)) return;
    const shortcut = shortcuts.find((each) => each.matches(event));
    if (shortcut === undefined) return;
    event.preventDefault();
    if (!event.repeat || shortcut.keys === '[' || shortcut.keys === ']') shortcut.run();
  });
}

/** Fills the dialog that lists them. */
export function describe(
  shortcuts: readonly Shortcut[],
  more: readonly [keys: string, does: string][],
): HTMLDialogElement {
  const dialog = find('#help-dialog', HTMLDialogElement);
  const all = [...shortcuts.map(({ keys, does }) => [keys, does] as const), ...more];
  find('#keys', HTMLElement).append(
    ...all.flatMap(([keys, does]) => [make('dt', {}, make('kbd', {}, keys)), make('dd', {}, does)]),
  );
  find('#help', HTMLButtonElement).addEventListener('click', () => dialog.showModal());
  find('#help-close', HTMLButtonElement).addEventListener('click', () => dialog.close());
  return dialog;
}

const TEXT_INPUTS = new Set(['text', 'search', 'number', 'url', 'email', 'password']);

/** Text fields take every key; buttons, lists and the like take the keys that work them; a dialog takes all. */
function takesKey(event: KeyboardEvent): boolean {
  if (document.querySelector('dialog[open]') !== null) return true;
  const { target } = event;
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLInputElement && TEXT_INPUTS.has(target.type)) return true;
  // A closed list jumps to the option that starts with the letter.
  if (target instanceof HTMLSelectElement) return !event.ctrlKey && !event.metaKey;
  return event.key === ' ' && target.matches('button, summary, input');
}
