/** Pictures from outside: upload, drop, paste, webcam. Each takes the place of the drawing, as one operation. */
import type { Problem } from '../../client/index.js';
import { describeUnreadable, readableType } from '../../images/sniff.js';
import type { Drawing } from '../drawing/document.js';
import { encodeOnce } from '../drawing/encoded-pictures.js';
import { shrink } from '../drawing/picture-data.js';
import { toneUnder } from '../drawing/tone-under.js';
import type { ReadyModel } from '../session/catalogue.js';
import { find } from '../ui/dom.js';
import type { Notices } from './notices.js';

type Kind = ReadyModel['conditioning']['kind'];

/** Bytes that tell what a file is. */
const HEAD = 1024;

export class Sources {
  readonly #drawing: Drawing;
  readonly #notices: Notices;
  /** What the model makes of a picture: asked when one comes in. */
  readonly #kind: () => Kind;
  /** Of pictures in the order in which they were taken: the last one, and the last one that was placed. */
  #taken = 0;
  #placed = 0;

  constructor(drawing: Drawing, notices: Notices, kind: () => Kind) {
    this.#drawing = drawing;
    this.#notices = notices;
    this.#kind = kind;
    this.#acceptUploads();
    this.#acceptDrops();
    this.#acceptPaste();
    new Webcam(notices, (bitmap) => this.#place(bitmap, this.#nextTurn()));
  }

  /**
   * Places an encoded picture; what cannot be read as one is refused in words. One that is there only after another that
   * was taken later is not placed any more: large ones take their time.
   * @throws what `coming` is rejected with
   */
  async take(coming: Blob | Promise<Blob>): Promise<void> {
    const turn = this.#nextTurn();
    this.#notices.goOn();
    const file = await coming;
    const bitmap = await decoded(file).catch(() => undefined);
    if (bitmap === undefined) this.#notices.problem(await refusalOf(file), 'input');
    else this.#place(bitmap, turn);
  }

  #nextTurn(): number {
    this.#taken += 1;
    return this.#taken;
  }

  #place(bitmap: ImageBitmap, turn: number): void {
    if (turn < this.#placed) {
      bitmap.close();
      return;
    }
    this.#placed = turn;
    // Now: the page may be left at any time, and the bitmap closed once nothing on the sheet needs it.
    void encodeOnce(bitmap);
    const kind = this.#kind();
    const tone = toneUnder(bitmap, kind, this.#drawing.tone);
    const paper = { kind: 'paper', tone } as const;
    const picture = { kind: 'picture', bitmap, fit: kind === 'sketch' ? 'contain' : 'cover' } as const;
    this.#drawing.add({ kind: 'replace', operations: [paper, picture] });
    this.#notices.over('input');
    this.#notices.announce('Picture placed.');
  }

  #acceptUploads(): void {
    const input = find('#file', HTMLInputElement);
    find('#upload', HTMLButtonElement).addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      const [file] = input.files ?? [];
      if (file !== undefined) void this.take(file);
      input.value = '';
    });
  }

  #acceptDrops(): void {
    const stage = find('#sheet-stage', HTMLElement);
    // The whole window: a picture dropped a little beside the sheet must not replace the page.
    addEventListener('dragover', (event) => {
      if (event.dataTransfer?.types.includes('Files') !== true) return;
      event.preventDefault();
      stage.classList.add('dropping');
    });
    addEventListener('dragleave', (event) => {
      if (event.relatedTarget === null) stage.classList.remove('dropping');
    });
    addEventListener('drop', (event) => {
      stage.classList.remove('dropping');
      if (event.dataTransfer?.types.includes('Files') !== true) return;
      event.preventDefault();
      const file = imageAmong(event.dataTransfer.files) ?? event.dataTransfer.files[0];
      if (file !== undefined) void this.take(file);
    });
  }

  #acceptPaste(): void {
    addEventListener('paste', (event) => {
      const image = imageAmong(event.clipboardData?.files);
      if (image === undefined) return;
      // Office programs put a picture of the words beside the words.
      const intoText = event.target instanceof HTMLElement && event.target.matches('input, textarea');
      if (intoText && event.clipboardData?.types.includes('text/plain')) return;
      event.preventDefault();
      void this.take(image);
    });
  }
}

/** @throws DOMException where this is no picture, or there is no memory for it */
async function decoded(source: Blob | HTMLVideoElement): Promise<ImageBitmap> {
  return shrink(await createImageBitmap(source));
}

function imageAmong(files: FileList | undefined): File | undefined {
  return [...(files ?? [])].find((file) => file.type.startsWith('image/'));
}

/** By its bytes: of the picture files that every browser reads, one that cannot be read has a fault of its own. */
async function refusalOf(file: Blob): Promise<Problem> {
  // A file that cannot be read at all any more is as good as an empty one.
  const head = await file
    .slice(0, HEAD)
    .arrayBuffer()
    .catch(() => new ArrayBuffer(0));
  const bytes = new Uint8Array(head);
  if (readableType(bytes) !== undefined) {
    const detail = 'The file is damaged, or it is too large for this browser.';
    return { title: 'This picture cannot be opened.', status: 422, detail };
  }
  const detail = `This looks like ${describeUnreadable(bytes)}. PNG, JPEG, WebP, AVIF and GIF work.`;
  return { title: 'Not a picture that can be placed.', status: 415, detail };
}

/** Of a phone's cameras the one that looks at things: what is translated is seldom a face. */
const WANTED = { width: 1280, height: 1280, facingMode: { ideal: 'environment' } };
const UNTAKEN: Problem = {
  title: 'The picture could not be taken.',
  status: 0,
  detail: 'Try again, or upload or paste one instead.',
};

/** Asks for the camera only when it is wanted, and lets go of it as soon as the picture is taken. */
class Webcam {
  readonly #dialog = find('#camera-dialog', HTMLDialogElement);
  readonly #video = find('#camera-video', HTMLVideoElement);
  readonly #take = find('#camera-take', HTMLButtonElement);
  readonly #notices: Notices;
  /** Of the opening that has the dialog; whoever was let in after another one, or after Escape, lets go again. */
  #opening: object | undefined;
  #stream: MediaStream | undefined;

  constructor(notices: Notices, place: (bitmap: ImageBitmap) => void) {
    this.#notices = notices;
    find('#camera', HTMLButtonElement).addEventListener('click', () => void this.#open());
    find('#camera-cancel', HTMLButtonElement).addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('close', () => this.#release());
    this.#take.addEventListener('click', () => {
      // A double click would place two.
      this.#take.disabled = true;
      decoded(this.#video)
        .then(place, () => notices.problem(UNTAKEN, 'input'))
        .finally(() => this.#dialog.close());
    });
  }

  async #open(): Promise<void> {
    this.#notices.goOn();
    // Absent where the page is not from localhost and not over https.
    if (navigator.mediaDevices === undefined) {
      this.#refused('Browsers give the camera only to pages from this computer or over https.');
      return;
    }
    const opening = {};
    this.#opening = opening;
    this.#take.disabled = true;
    this.#dialog.showModal();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: WANTED });
      if (this.#opening !== opening) {
        stop(stream);
        return;
      }
      this.#stream = stream;
      this.#video.srcObject = stream;
      await this.#video.play();
      this.#take.disabled = false;
      this.#take.focus();
    } catch (error) {
      // Closed in the middle of it: nothing is wrong.
      if (this.#opening !== opening) return;
      this.#dialog.close();
      this.#refused(reasonOf(error));
    }
  }

  #refused(detail: string): void {
    this.#notices.problem({ title: 'No camera', status: 0, detail }, 'input');
  }

  #release(): void {
    this.#opening = undefined;
    stop(this.#stream);
    this.#stream = undefined;
    this.#video.srcObject = null;
  }
}

function stop(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

function reasonOf(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError') return 'It was not allowed. You can upload or paste a picture instead.';
  if (name === 'NotFoundError') return 'None was found. You can upload or paste a picture instead.';
  return 'It could not be started. You can upload or paste a picture instead.';
}
