/** Keeps the drawing over a reload: phones throw pages away as soon as another app wants the memory. */
import { type Drawing, flatten, type Operation, type Picture } from './document.js';
import { comesFrom, encodeOnce, urlOf } from './encoded-pictures.js';
import { decodePicture } from './picture-data.js';

const KEPT_AS = 'img2img-drawing';
const DELAY_MS = 400;

type Kept =
  | Exclude<Operation, Picture | { kind: 'replace' }>
  | (Omit<Picture, 'bitmap'> & { url: string })
  | { kind: 'replace'; operations: Kept[] };

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
    // Not after the delay: the page may be left in it.
    void encodeAll(drawing.operations);
    if (waiting) return;
    waiting = true;
    setTimeout(async () => {
      waiting = false;
      await encodeAll(drawing.operations);
      const all = keep();
      if (all !== undefined) kept(all);
    }, DELAY_MS);
  });
  addEventListener('pagehide', keep);
}

async function load(): Promise<Operation[]> {
  try {
    return await unpackAll(JSON.parse(sessionStorage.getItem(KEPT_AS) ?? '[]') as Kept[]);
  } catch {
    // Storage is switched off, or holds what an older page left: the sheet starts empty.
    return [];
  }
}

function store(operations: readonly Operation[]): 'stored' | 'full' | 'switched off' {
  try {
    sessionStorage.setItem(KEPT_AS, JSON.stringify(packAll(operations)));
    return 'stored';
  } catch (error) {
    return error instanceof DOMException && error.name !== 'SecurityError' ? 'full' : 'switched off';
  }
}

async function encodeAll(operations: readonly Operation[]): Promise<void> {
  await Promise.all(
    operations.map((operation) => {
      if (operation.kind === 'replace') return encodeAll(operation.operations);
      return operation.kind === 'picture' ? encodeOnce(operation.bitmap) : undefined;
    }),
  );
}

const isDrawn = ({ kind }: Operation) => kind !== 'picture';
const isKept = (operation: Operation) =>
  operation.kind !== 'picture' || urlOf(operation.bitmap) !== undefined;

/** Without pictures that are not encoded yet, or cannot be: the rest must not be lost with them. */
function packAll(operations: readonly Operation[]): Kept[] {
  return operations.flatMap((operation): Kept | Kept[] => {
    if (operation.kind === 'replace') return { ...operation, operations: packAll(operation.operations) };
    if (operation.kind !== 'picture') return operation;
    const { kind, fit, bitmap } = operation;
    const url = urlOf(bitmap);
    return url === undefined ? [] : { kind, fit, url };
  });
}

async function unpackAll(kept: readonly Kept[]): Promise<Operation[]> {
  const operations = await Promise.all(kept.map((each) => unpack(each).catch(() => [])));
  return operations.flat();
}

/** @throws DOMException where a picture cannot be decoded */
async function unpack(kept: Kept): Promise<Operation> {
  if (kept.kind === 'replace') return { ...kept, operations: await unpackAll(kept.operations) };
  if (kept.kind !== 'picture') return kept;
  const { kind, fit, url } = kept;
  const bitmap = await decodePicture(url);
  comesFrom(bitmap, url);
  return { kind, fit, bitmap };
}
