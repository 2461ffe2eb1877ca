/** Images that come as text: strict base64, bare or in a data URI. */

const DATA_URI = /^data:[^,]*;base64,/i;

/**
 * Gives the bytes of base64 (or base64url) text, bare or as `data:…;base64,…`; undefined where it is neither.
 * Line breaks and other characters outside the alphabet are refused: text that was cut or mixed up must not pass.
 */
export function bytesOfImageText(text: string): Buffer | undefined {
  let encoded = text;
  if (/^data:/i.test(text.slice(0, 5))) {
    // A media type and its parameters are short; looking further would scan megabytes of image.
    const prefix = DATA_URI.exec(text.slice(0, 256));
    if (prefix === null) return undefined;
    encoded = text.slice(prefix[0].length);
  }
  const padding = encoded.endsWith('==') ? 2 : encoded.endsWith('=') ? 1 : 0;
  const digits = encoded.length - padding;
  if (digits === 0 || digits % 4 === 1 || (padding > 0 && encoded.length % 4 !== 0)) return undefined;
  // Node skips what is not of the alphabet, so text with anything else in it decodes to fewer bytes than it should.
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.length === Math.floor((digits * 3) / 4) ? bytes : undefined;
}
