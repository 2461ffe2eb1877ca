/** Pictures no larger than they are shown, encoded, and as text for storage that holds nothing else. */

/** As many pixels a side as any sheet shows; of the shorter side, because a picture may cover the sheet. */
const SHOWN_SIDE = 1024;
const LONGEST_SIDE = 2048;
const QUALITY = 0.92;

/**
 * @returns WebP where the browser can write it; else JPEG, or PNG where the picture is transparent somewhere
 * @throws Error where the browser has no memory for it
 */
export async function encodePicture(bitmap: ImageBitmap): Promise<Blob> {
  const canvas = document.createElement('canvas');
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('there is no memory for a canvas');
  context.drawImage(bitmap, 0, 0);
  const webp = await encodeCanvas(canvas, 'image/webp');
  // A browser that cannot write a type writes PNG.
  return webp.type !== 'image/webp' && isOpaque(context) ? encodeCanvas(canvas, 'image/jpeg') : webp;
}

/**
 * @returns PNG where the browser cannot write `type`
 * @throws Error where the browser has no memory for it
 */
export function encodeCanvas(canvas: HTMLCanvasElement, type: string): Promise<Blob> {
  return new Promise((resolve, reject) => {
    const take = (blob: Blob | null): void => {
      if (blob === null) reject(new Error('The picture could not be encoded.'));
      else resolve(blob);
    };
    canvas.toBlob(take, type, QUALITY);
  });
}

/** A photograph of a phone takes 48 MB at its full size, for as long as it can be undone or gone back to. */
export async function shrink(bitmap: ImageBitmap): Promise<ImageBitmap> {
  const [shorter, longer] = [bitmap.width, bitmap.height].sort((a, b) => a - b) as [number, number];
  const scale = Math.min(1, SHOWN_SIDE / shorter, LONGEST_SIDE / longer);
  if (scale === 1) return bitmap;
  const shrunk = await createImageBitmap(bitmap, {
    resizeWidth: Math.max(1, Math.round(bitmap.width * scale)),
    resizeHeight: Math.max(1, Math.round(bitmap.height * scale)),
    resizeQuality: 'high',
  });
  bitmap.close();
  return shrunk;
}

function isOpaque(context: CanvasRenderingContext2D): boolean {
  const { data } = context.getImageData(0, 0, context.canvas.width, context.canvas.height);
  for (let alpha = 3; alpha < data.length; alpha += 4) if (data[alpha] !== 255) return false;
  return true;
}

/** A data URL. */
export function textOf(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** Of a data URL with base64. @throws DOMException where it is not that */
export function blobOf(url: string): Blob {
  // Not with `fetch`: the page's policy lets it reach the server only.
  const [head = '', data = ''] = url.split(',', 2);
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: head.slice('data:'.length).split(';')[0] ?? '' });
}
