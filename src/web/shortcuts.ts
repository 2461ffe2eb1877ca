/** Every key of the studio that works anywhere on the page. */
import type { Tools } from './panels/tools.js';
import { ctrl, describe, key, listen, type Shortcut } from './ui/shortcuts.js';

interface Actions {
  rollSeed(): void;
  togglePause(): void;
}

export function startShortcuts(tools: Tools, { rollSeed, togglePause }: Actions): void {
  const shortcuts: Shortcut[] = [
    { keys: 'B', does: 'Pen', matches: key('b'), run: () => tools.use('pen') },
    { keys: 'E', does: 'Eraser', matches: key('e'), run: () => tools.use('eraser') },
    { keys: '[', does: 'Thinner', matches: key('['), run: () => tools.widen(-1) },
    { keys: ']', does: 'Thicker', matches: key(']'), run: () => tools.widen(1) },
    { keys: 'X', does: 'Light strokes on dark, and back', matches: key('x'), run: () => tools.invert() },
    { keys: 'Ctrl+Z', does: 'Undo', matches: ctrl('z'), run: () => tools.undo() },
    {
      keys: 'Ctrl+Shift+Z, Ctrl+Y',
      does: 'Redo',
      matches: (event) => ctrl('z', true)(event) || ctrl('y')(event),
      run: () => tools.redo(),
    },
    { keys: 'R', does: 'Roll a new seed', matches: key('r'), run: rollSeed },
    { keys: 'Space', does: 'Pause, and go on', matches: key(' '), run: togglePause },
    { keys: '?', does: 'This list', matches: key('?'), run: () => help.showModal() },
  ];
  const help = describe(shortcuts, [
    ['Arrows', 'Move the pen, when the sheet has the focus'],
    ['Shift+Arrows', 'The same in small steps'],
    ['Enter', 'Put the pen down, or lift it'],
    ['Escape', 'Lift the pen, close the variations, stop saving'],
    ['Ctrl+V', 'Place a copied picture'],
  ]);
  listen(shortcuts);
}
