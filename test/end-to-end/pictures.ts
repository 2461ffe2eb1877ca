/** Sketches made on the spot, and requests with them. */
import { fromSvg } from '../from-svg.js';

/** A PNG of dark curves on white that differ with `variant`. */
export function sketch(variant: number, size = 64): Promise<Buffer> {
  const x = 8 + ((variant * 11) % (size - 16));
  const y = 8 + ((variant * 17) % (size - 16));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}">
    <rect width="100%" height="100%" fill="white"/>
    <circle cx="${x}" cy="${y}" r="${6 + (variant % 5)}" fill="none" stroke="black" stroke-width="2"/>
    <path d="M4 ${size - 6 - variant} L${size - 4} ${6 + variant}" stroke="black" stroke-width="2"/></svg>`;
  return fromSvg(svg).png().toBuffer();
}

export interface Ask {
  prompt?: string;
  seed?: number;
  gamma?: number;
  model?: string;
  n?: number;
  size?: string;
  timeout_ms?: number;
}

export function translate(
  url: string,
  image: Buffer,
  ask: Ask = {},
  init: RequestInit = {},
): Promise<Response> {
  const query = new URLSearchParams(
    Object.entries(ask).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return fetch(`${url}/v1/translate?${query}`, {
    method: 'POST',
    headers: { 'content-type': 'image/png' },
    body: new Uint8Array(image),
    ...init,
  });
}

export async function bytes(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}
