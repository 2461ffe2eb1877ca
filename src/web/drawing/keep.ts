/** Keeps the drawing over a reload: phones throw pages away as soon as another app wants the memory. */
import { type Drawing, flatten, type Operation, type Replace } from './document.js';
import { encodedOf, encodeOnce } from './encoded-pictures.js';
import { KeptParts, partNamed } from './kept-parts.js';
import { KeptPictures } from './kept-pictures.js';
import { type Packed, pack, unpack } from './packed.js';

const KEPT_AS = 'img2img-drawing';
const DELAY_MS = 400;
/** So long a busy page may put it off. */
const LATEST_MS = 2_000;

/** What is written of an operation: of one with a long list, the names of the list's parts. */
type Written = Packed<string> | { kind: 'replace'; isBase?: true; operations: []; parts: string[] };

type Form = (operations: readonly Operation[]) => readonly Operation[];

const allThatCanBeUndone: Form = (operations) => operations;
/** A photograph takes as much as thousands of strokes, and is easier to come by again. */
const withoutPictures: Form = (operations) => flatten(operations).filter(({ kind }) => kind !== 'picture');
const FORMS = [allThatCanBeUndone, flatten, withoutPictures];

/**
 * What this tab had on its sheet when it was left, and from now on what it has.
 * @param drawingNow whether a stroke is being drawn: nothing is written meanwhile, that would make it stutter
 * @param kept is told after every change whether all that is visible is kept; not where storage is switched off
 */
export async function restoreAndKeep(
  drawing: Drawing,
  drawingNow: () => boolean,
  kept: (all: boolean) => void,
): Promise<void> {
  const storage = { pictures: new KeptPictures(), parts: new KeptParts() };
  const restored = await load(storage.pictures);
  if (restored.length > 0) drawing.restore(restored);
  /** Once there was not, there will not be for a stroke more: it is not written out for nothing with every one. */
  let roomForAll = true;
  const keep = (): boolean | undefined => {
    const { operations } = drawing;
    for (const form of roomForAll ? FORMS : FORMS.slice(1)) {
      const outcome = store(form(operations), storage);
      if (outcome === 'switched off') return undefined;
      if (outcome === 'stored') return flatten(operations).every(form === withoutPictures ? isDrawn : isKept);
      roomForAll = false;
    }
    // Rather nothing than the drawing of before.
    store([], storage);
    return false;
  };
  let waiting = false;
  const keepSoon = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      whenIdle(async () => {
        waiting = false;
        for (const bitmap of bitmapsOf(drawing.operations)) await encodeOnce(bitmap);
        if (drawingNow()) {
          keepSoon();
          return;
        }
        const all = keep();
        if (all !== undefined) kept(all);
      });
    }, DELAY_MS);
  };
  drawing.onChange(() => {
    // With a new sheet, pictures of old ones may have been let go; at once, since a stroke may follow before it is kept.
    if (drawing.operations.at(-1)?.kind === 'replace') roomForAll = true;
    keepSoon();
  });
  addEventListener('pagehide', keep);
  // The last that a page on a phone hears before it is thrown away.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') keep();
  });
}

/** Safari has no idle callback. */
function whenIdle(run: () => void): void {
  if (typeof requestIdleCallback === 'function') requestIdleCallback(run, { timeout: LATEST_MS });
  else setTimeout(run);
}

async function load(pictures: KeptPictures): Promise<Operation[]> {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? '[]') as Written[];
    const packed = kept.map((each): Packed<string> => {
      if (!('parts' in each)) return each;
      const { parts, ...rest } = each;
      return {
        ...rest,
        operations: parts.flatMap((name) => JSON.parse(partNamed(name)) as Packed<string>[]),
      };
    });
    return await unpack(packed, (name) => pictures.load(name));
  } catch {
    // Storage is switched off, or holds what an older page left: the sheet starts empty.
    return [];
  }
}

interface Storage {
  pictures: KeptPictures;
  parts: KeptParts;
}

function store(
  operations: readonly Operation[],
  { pictures, parts }: Storage,
): 'stored' | 'full' | 'switched off' {
  const packed = (some: readonly Operation[]) => pack(some, (bitmap) => pictures.nameOf(bitmap));
  try {
    pictures.keep(bitmapsOf(operations));
    const long = operations.filter(isLong);
    const names = parts.keep(
      long.map(({ operations }) => operations),
      (some) => JSON.stringify(packed(some)),
      isKept,
    );
    const written = operations.flatMap((operation): Written[] => {
      if (!isLong(operation)) return packed([operation]);
      return [{ ...operation, operations: [], parts: names[long.indexOf(operation)] ?? [] }];
    });
    sessionStorage.setItem(KEPT_AS, JSON.stringify(written));
    return 'stored';
  } catch (error) {
    return error instanceof DOMException && error.name !== 'SecurityError' ? 'full' : 'switched off';
  }
}

function isLong(operation: Operation): operation is Replace {
  return operation.kind === 'replace' && KeptParts.takes(operation.operations);
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
