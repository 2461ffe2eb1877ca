/** Keeps the drawing over a reload: phones throw pages away as soon as another app wants the memory. */
import { type Drawing, flatten, type Operation, type Picture } from './document.js';
import { decodePicture, encodePicture } from './picture-data.js';

const KEPT_AS = 'img2img-drawing';
const DELAY_MS = 400;

type Kept =
  | Exclude<Operation, Picture | { kind: 'replace' }>
  | (Omit<Picture, 'bitmap'> & { url: string })
  | { kind: 'replace'; operations: Kept[] };

/** What each picture is kept as; encoded once, when it is placed, because a page that is left has no time for it. */
const urls = new WeakMap<ImageBitmap, string>();

/** What this tab had on its sheet when it was left, and from now on what it has. */
export async function restoreAndKeep(drawing: Drawing): Promise<void> {
  try {
    const kept = sessionStorage.getItem(KEPT_AS);
    if (kept !== null) {
      drawing.restore(await Promise.all((JSON.parse(kept) as Kept[]).map(unpack)));
    }
  } catch {
    // Storage is switched off, or holds what an older page left: the sheet starts empty.
  }
  let waiting = false;
  const keep = () => {
    // Where there is no room for all that can be undone, there may be for what is visible.
    if (store(drawing.operations) || store(flatten(drawing.operations))) return;
    // Rather nothing than the drawing of before.
    forget();
  };
  drawing.onChange(() => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      void encodePictures(drawing.operations).then(keep, forget);
    }, DELAY_MS);
  });
  addEventListener('pagehide', keep);
}

/** @returns false where storage is full or switched off, or a picture is not encoded yet */
function store(operations: readonly Operation[]): boolean {
  try {
    sessionStorage.setItem(KEPT_AS, JSON.stringify(operations.map(pack)));
    return true;
  } catch {
    return false;
  }
}

function forget(): void {
  try {
    sessionStorage.removeItem(KEPT_AS);
  } catch {
    // Switched off.
  }
}

async function encodePictures(operations: readonly Operation[]): Promise<void> {
  for (const operation of operations) {
    if (operation.kind === 'replace') await encodePictures(operation.operations);
    else if (operation.kind === 'picture' && !urls.has(operation.bitmap)) {
      urls.set(operation.bitmap, await encodePicture(operation.bitmap));
    }
  }
}

function pack(operation: Operation): Kept {
  if (operation.kind === 'replace') return { ...operation, operations: operation.operations.map(pack) };
  if (operation.kind !== 'picture') return operation;
  const { kind, fit, bitmap } = operation;
  const url = urls.get(bitmap);
  if (url === undefined) throw new Error('the picture is not encoded yet');
  return { kind, fit, url };
}

async function unpack(kept: Kept): Promise<Operation> {
  if (kept.kind === 'replace') return { ...kept, operations: await Promise.all(kept.operations.map(unpack)) };
  if (kept.kind !== 'picture') return kept;
  const { kind, fit, url } = kept;
  const bitmap = await decodePicture(url);
  urls.set(bitmap, url);
  return { kind, fit, bitmap };
}
