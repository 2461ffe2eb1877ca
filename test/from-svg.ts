/** Pictures drawn from SVG: the server's libvips reads none, and is told to in tests that need one to start from. */
import sharp, { type Sharp } from 'sharp';

export function fromSvg(svg: string): Sharp {
  sharp.unblock({ operation: ['VipsForeignLoadSvg'] });
  return sharp(Buffer.from(svg));
}
