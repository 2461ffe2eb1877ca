/** A small picture that can be chosen. */
import { make } from '../ui/dom.js';

export function thumbnail(picture: Blob, label: string): { item: HTMLElement; button: HTMLButtonElement } {
  const image = make('img', {
    src: URL.createObjectURL(picture),
    alt: '',
    decoding: 'async',
    draggable: 'false',
  });
  const button = make('button', { type: 'button', 'aria-label': label, title: label }, image);
  return { item: make('li', {}, button), button };
}

/** Lets go of the picture, too. */
export function removeThumbnail(item: Element | null): void {
  const image = item?.querySelector('img');
  if (image) URL.revokeObjectURL(image.src);
  item?.remove();
}
