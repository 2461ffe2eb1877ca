/** Keeps the drawing over a reload: phones throw pages away as soon as another app wants the memory. */
import { type Drawing, flatten, type Operation } from './document.js';
import { decode, encodedOf, encodeOnce } from './encoded-pictures.js';
import { type Packed, pack, unpack } from './packed.js';

const KEPT_AS = 'img2img-drawing';
const DELAY_MS = 400;

type Form = (operations: readonly Operation[]) => readonly Operation[];

const allThatCanBeUndone: Form = (operations) => operations;
/** A photograph takes as much as thousands of strokes, and is easier to come by again. */
const withoutPictures: Form = (operations) => flatten(operations).filter(({ kind }) => kind !== 'picture');
const FORMS = [allThatCanBeUndone, flatten, withoutPictures];

/**
 * What this tab had on its sheet when it was left, and from now on what it has.
 * @param kept is told after every change whether all that is visible is kept; not where storage is switched off
 */
export async function restoreAndKeep(drawing: Drawing, kept: (all: boolean) => void): Promise<void> {
  const restored = await load();
  if (restored.length > 0) drawing.restore(restored);
  /** Once there was not, there will not be for more: it is not written out for nothing with every stroke. */
  let roomForAll = true;
  const keep = (): boolean | undefined => {
    const { operations } = drawing;
    for (const form of roomForAll ? FORMS : FORMS.slice(1)) {
      const outcome = store(form(operations));
      if (outcome === 'switched off') return undefined;
      if (outcome === 'stored') return flatten(operations).every(form === withoutPictures ? isDrawn : isKept);
      roomForAll = false;
    }
    // Rather nothing than the drawing of before.
    store([]);
    return false;
  };
  let waiting = false;
  drawing.onChange(() => {
    if (waiting) return;
    waiting = true;
    setTimeout(async () => {
      waiting = false;
      await allEncoded(drawing.operations);
      const all = keep();
      if (all !== undefined) kept(all);
    }, DELAY_MS);
  });
  addEventListener('pagehide', keep);
}

async function load(): Promise<Operation[]> {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? '[]') as Packed<string>[];
    return await unpack(kept, decode);
  } catch {
    // Storage is switched off, or holds what an older page left: the sheet starts empty.
    return [];
  }
}

function store(operations: readonly Operation[]): 'stored' | 'full' | 'switched off' {
  try {
    const kept = pack(operations, (bitmap) => encodedOf(bitmap)?.url);
    sessionStorage.setItem(KEPT_AS, JSON.stringify(kept));
    return 'stored';
  } catch (error) {
    return error instanceof DOMException && error.name !== 'SecurityError' ? 'full' : 'switched off';
  }
}

async function allEncoded(operations: readonly Operation[]): Promise<void> {
  for (const operation of operations) {
    if (operation.kind === 'replace') await allEncoded(operation.operations);
    else if (operation.kind === 'picture') await encodeOnce(operation.bitmap);
  }
}

const isDrawn = ({ kind }: Operation) => kind !== 'picture';
const isKept = (operation: Operation) =>
  operation.kind !== 'picture' || encodedOf(operation.bitmap) !== undefined;
