/** A picture to place: a yellow square on blue. */
import sharp from 'sharp';

/** @returns PNG of that many pixels */
export const photograph = (width = 300, height = 200): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#203080' } })
    .composite([{ input: { create: { width: 90, height: 90, channels: 3, background: '#e0c040' } } }])
    .png()
    .toBuffer();
