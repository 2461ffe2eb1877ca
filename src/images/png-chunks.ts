/** How a PNG is laid out: chunks after a signature (W3C PNG, 5.3), each a length, a name, that many bytes and a checksum. */

export const SIGNATURE_BYTES = 8;
/** Of a chunk beside its content: length, name and checksum. */
export const FRAME_BYTES = 12;
/** From a chunk's start. */
export const NAME_AT = 4;

/** A chunk's name as it is read from a file. */
export const chunkName = (name: string): number => Buffer.from(name, 'latin1').readUInt32BE();

export const IEND = chunkName('IEND');
