/** Keeps the drawing over a reload: phones throw pages away as soon as another app wants the memory. */
import { type Drawing, flatten, type Operation } from './document.js';
import { encodedOf, encodeOnce } from './encoded-pictures.js';
import { KeptPictures } from './kept-pictures.js';
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
  const pictures = new KeptPictures();
  const restored = await load(pictures);
  if (restored.length > 0) drawing.restore(restored);
  /** Once there was not, there will not be for a stroke more: it is not written out for nothing with every one. */
  let roomForAll = true;
  const keep = (): boolean | undefined => {
    const { operations } = drawing;
    for (const form of roomForAll ? FORMS : FORMS.slice(1)) {
      const outcome = store(form(operations), pictures);
      if (outcome === 'switched off') return undefined;
      if (outcome === 'stored') return flatten(operations).every(form === withoutPictures ? isDrawn : isKept);
      roomForAll = false;
    }
    // Rather nothing than the drawing of before.
    store([], pictures);
    return false;
  };
  let waiting = false;
  drawing.onChange(() => {
    // With a new sheet, pictures of old ones may have been let go; at once, since a stroke may follow before it is kept.
    if (drawing.operations.at(-1)?.kind === 'replace') roomForAll = true;
    if (waiting) return;
    waiting = true;
    setTimeout(async () => {
      waiting = false;
      for (const bitmap of bitmapsOf(drawing.operations)) await encodeOnce(bitmap);
      const all = keep();
      if (all !== undefined) kept(all);
    }, DELAY_MS);
  });
  addEventListener('pagehide', keep);
}

async function load(pictures: KeptPictures): Promise<Operation[]> {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? '[]') as Packed<string>[];
    return await unpack(kept, (name) => pictures.load(name));
  } catch {
    // Storage is switched off, or holds what an older page left: the sheet starts empty.
    return [];
  }
}

function store(operations: readonly Operation[], pictures: KeptPictures): 'stored' | 'full' | 'switched off' {
  try {
    pictures.keep(bitmapsOf(operations));
    const kept = pack(operations, (bitmap) => pictures.nameOf(bitmap));
    sessionStorage.setItem(KEPT_AS, JSON.stringify(kept));
    return 'stored';
  } catch (error) {
    return error instanceof DOMException && error.name !== 'SecurityError' ? 'full' : 'switched off';
  }
}

function bitmapsOf(operations: readonly Operation[]): ImageBitmap[] {
  return operations.flatMap((operation) => {
    if (operation.kind === 'replace') return bitmapsOf(operation.operations);
    return operation.kind === 'picture' ? operation.bitmap : [];
  });
}

const isDrawn = ({ kind }: Operation) => kind !== 'picture';
const isKept = (operation: Operation) =>
  operation.kind !== 'picture' || encodedOf(operation.bitmap) !== undefined;
