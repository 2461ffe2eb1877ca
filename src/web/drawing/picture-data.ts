/** Pictures as text, for storage that holds nothing else. */

/** As many pixels a side as any sheet shows. */
const LONGEST_SIDE = 1024;
const QUALITY = 0.95;

/**
 * @returns a data URL: WebP where the browser can write it, else PNG
 * @throws Error where the browser has no memory for it
 */
export async function encodePicture(bitmap: ImageBitmap): Promise<string> {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/webp', QUALITY));
  if (blob === null) throw new Error('the picture could not be encoded');
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** @throws DOMException where the text is no picture */
export function decodePicture(url: string): Promise<ImageBitmap> {
  // Not with `fetch`: the page's policy lets it reach the server only.
  const [head = '', data = ''] = url.split(',', 2);
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: head.slice('data:'.length).split(';')[0] ?? '' }));
}
