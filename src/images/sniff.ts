/** Tells what a file is by its first bytes, because names and Content-Type headers lie. Runs in the studio, too. */

/** The types that are read. An animated file gives its first frame. */
export const readableTypes = ['PNG', 'JPEG', 'WebP', 'AVIF', 'GIF'] as const;
export type ReadableType = (typeof readableTypes)[number];

const latin1 = (data: Uint8Array, start: number, end: number) =>
  String.fromCharCode(...data.subarray(start, end));

const startsWith = (data: Uint8Array, ...bytes: number[]) => bytes.every((byte, at) => data[at] === byte);

/** The image type that will be read, or undefined. Only a type's signature is checked, not that the rest holds. */
export function readableType(data: Uint8Array): ReadableType | undefined {
  if (startsWith(data, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return 'PNG';
  if (startsWith(data, 0xff, 0xd8, 0xff)) return 'JPEG';
  const head = latin1(data, 0, 12);
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'GIF';
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) return 'WebP';
  if (isoBrands(data).some((brand) => brand === 'avif' || brand === 'avis')) return 'AVIF';
  return undefined;
}

/** What a file that is not read looks like, as the object of "this is …". */
export function describeUnreadable(data: Uint8Array): string {
  if (data.length === 0) return 'an empty file';
  const brands = isoBrands(data);
  if (brands.some((brand) => /^(hei[cxms]|hev[cxms]|mif1|msf1)$/.test(brand))) return 'HEIC';
  if (brands.length > 0) return 'a video or another ISO media file';
  for (const [signature, name] of signatures) {
    if (latin1(data, 0, signature.length) === signature) return name;
  }
  return describeText(data) ?? 'an unknown type of file';
}

const signatures: readonly (readonly [string, string])[] = [
  ['%PDF', 'PDF'],
  ['II*\0', 'TIFF'],
  ['MM\0*', 'TIFF'],
  ['II+\0', 'TIFF'],
  ['MM\0+', 'TIFF'],
  ['BM', 'BMP'],
  ['\0\0\x01\0', 'an icon (ICO)'],
  ['8BPS', 'Photoshop (PSD)'],
  ['\xff\x0a', 'JPEG XL'],
  ['\0\0\0\x0cJXL ', 'JPEG XL'],
  ['\0\0\0\x0cjP  ', 'JPEG 2000'],
  ['\xff\x4f\xff\x51', 'JPEG 2000'],
  ['PK\x03\x04', 'a ZIP archive'],
  ['\x1f\x8b', 'a gzip archive'],
];

/** Text has no signature: SVG is the one that people send, and data URIs where bytes were meant. */
export function describeText(data: Uint8Array): string | undefined {
  const head = data.subarray(0, 1024);
  // Control characters other than white space do not stand in text.
  if (head.some((byte) => byte < 32 && (byte < 9 || byte > 13))) return undefined;
  const text = utf8(head)?.trimStart();
  if (text === undefined) return undefined;
  if (/<svg[\s>]/i.test(text)) return 'SVG';
  if (/^<(!doctype html|html)/i.test(text)) return 'an HTML page';
  if (/^data:/i.test(text)) return 'a data URI in place of the bytes';
  return 'text';
}

function utf8(head: Uint8Array): string | undefined {
  try {
    // As a stream, because the head may end inside a character.
    return new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
  } catch {
    return undefined;
  }
}

/** Major and compatible brands of an ISO base media file (AVIF, HEIC, MP4 …), or none where it is not one. */
function isoBrands(data: Uint8Array): string[] {
  if (latin1(data, 4, 8) !== 'ftyp') return [];
  const box = new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0);
  const brands = [latin1(data, 8, 12)];
  // The box's second word is a minor version, then brands follow to its end; a longer list than this is no image.
  for (let at = 16; at + 4 <= Math.min(box, data.length, 128); at += 4) brands.push(latin1(data, at, at + 4));
  return brands;
}
