/** The drawing as a list of operations: undo takes the last one away, redo brings it back. Nothing is ever changed in place. */

/** Side of the square drawing in its own units; strokes are stored in them whatever the screen. */
export const SIDE = 512;

/** x, y in drawing units, pressure 0–1. */
export type Point = readonly [x: number, y: number, pressure: number];

export interface Stroke {
  readonly kind: 'stroke';
  readonly tool: 'pen' | 'eraser';
  /** Drawing units. */
  readonly width: number;
  /** Whether the pressure is a pen's own, and worth following. */
  readonly pressure: boolean;
  readonly points: readonly Point[];
}

export interface Picture {
  readonly kind: 'picture';
  readonly bitmap: ImageBitmap;
  readonly fit: 'cover' | 'contain';
}

/** `dark`: light strokes on dark paper. All strokes follow, so that none is lost to its own colour. */
export interface Paper {
  readonly kind: 'paper';
  readonly tone: 'light' | 'dark';
}

/** Starts over with these; with none it is "clear". */
export interface Replace {
  readonly kind: 'replace';
  readonly operations: readonly Operation[];
  /** All that can no longer be undone. */
  readonly isBase?: true;
}

export type Operation = Stroke | Picture | Paper | Replace;
/** What a flat list is made of. */
export type Visible = Exclude<Operation, Replace>;

/** How far undo goes back: a list that only grew would be dearer to keep with every stroke, and hold every picture placed. */
const MOST_STEPS = 100;
/** Of these steps such as hold pictures, which take megabytes each. The base may hold one more. */
const MOST_WITH_PICTURE = 3;

export class Drawing {
  #done: readonly Operation[] = [];
  #undone: readonly Operation[] = [];
  readonly #listeners = new Set<() => void>();

  /** The list as it is now; it will not change under its reader. */
  get operations(): readonly Operation[] {
    return this.#done;
  }

  get canUndo(): boolean {
    return this.#last !== undefined;
  }

  get canRedo(): boolean {
    return this.#undone.length > 0;
  }

  /** Strokes and pictures since the last clear, erasers aside: whether there is anything to translate. */
  get empty(): boolean {
    return isEmpty(this.#done);
  }

  get tone(): Paper['tone'] {
    return toneOf(this.#done);
  }

  get hasPicture(): boolean {
    return hasPicture(this.#done);
  }

  add(operation: Operation): void {
    this.#done = bounded([...this.#done, operation]);
    this.#undone = [];
    this.#changed();
  }

  /** Starts over with what the sheet showed then. Flat, since what was then may hold what was brought back before, and so on. */
  bringBack(operations: readonly Operation[]): void {
    if (operations !== this.#done) this.add({ kind: 'replace', operations: flatten(operations) });
  }

  /** Puts what an earlier page had under what this one has already. */
  restore(operations: readonly Operation[]): void {
    this.#done = bounded([...operations, ...this.#done]);
    this.#changed();
  }

  undo(): void {
    const last = this.#last;
    if (last === undefined) return;
    this.#done = this.#done.slice(0, -1);
    this.#undone = [...this.#undone, last];
    this.#changed();
  }

  redo(): void {
    const last = this.#undone.at(-1);
    if (last === undefined) return;
    this.#undone = this.#undone.slice(0, -1);
    this.#done = [...this.#done, last];
    this.#changed();
  }

  /** Keeps the paper, and can be undone. */
  clear(): void {
    if (this.empty) return;
    this.add({ kind: 'replace', operations: [{ kind: 'paper', tone: this.tone }] });
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** What undo takes away. */
  get #last(): Operation | undefined {
    const last = this.#done.at(-1);
    return isBase(last) ? undefined : last;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** What is visible: everything before the last `replace` is gone, and its own list stands in its place. */
export function flatten(operations: readonly Operation[]): readonly Visible[] {
  const visible: Visible[] = [];
  for (const operation of operations) {
    if (operation.kind === 'replace') visible.splice(0, visible.length, ...flatten(operation.operations));
    else visible.push(operation);
  }
  return visible;
}

export function toneOf(operations: readonly Operation[]): Paper['tone'] {
  return flatten(operations).findLast((operation) => operation.kind === 'paper')?.tone ?? 'light';
}

export function hasPicture(operations: readonly Operation[]): boolean {
  return flatten(operations).some(({ kind }) => kind === 'picture');
}

export function isEmpty(operations: readonly Operation[]): boolean {
  return !flatten(operations).some(
    (operation) => operation.kind === 'picture' || (operation.kind === 'stroke' && operation.tool === 'pen'),
  );
}

/** The newest operations as they are, and in place of those before the limit one base that shows the same. */
function bounded(operations: readonly Operation[]): readonly Operation[] {
  let withPicture = 0;
  const newestBeyond = operations.findLastIndex((operation, index) => {
    if (hasPicture([operation])) withPicture += 1;
    return operations.length - index > MOST_STEPS || withPicture > MOST_WITH_PICTURE;
  });
  if (newestBeyond < 0 || (newestBeyond === 0 && isBase(operations[0]))) return operations;
  const shown = flatten(operations.slice(0, newestBeyond + 1));
  return [{ kind: 'replace', operations: shown, isBase: true }, ...operations.slice(newestBeyond + 1)];
}

export function isBase(operation: Operation | undefined): operation is Replace {
  return operation?.kind === 'replace' && operation.isBase === true;
}
