/** A client of `POST /v1/translate`: the image as the body, the fields in the query, one connection kept open. */
import http from 'node:http';
import type { Answer, Client, Timings } from './closed-loop.js';

export interface Sending {
  images: readonly Buffer[];
  prompts: readonly string[];
}

/** @param index tells clients apart: each has its own seeds and begins with another image */
export function httpClient(origin: string, sending: Sending, index: number): Client {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  let turn = index;
  return {
    ask() {
      const image = sending.images[turn % sending.images.length] ?? Buffer.alloc(0);
      const prompt = sending.prompts[turn % sending.prompts.length] ?? '';
      const query = new URLSearchParams({ prompt, seed: String(turn), format: 'jpeg' });
      turn += 7;
      return ask(`${origin}/v1/translate?${query}`, image, agent);
    },
    close: () => agent.destroy(),
  };
}

function ask(url: string, image: Buffer, agent: http.Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const headers = { 'content-type': 'image/jpeg', 'content-length': image.length };
    const request = http.request(url, { method: 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const latency = performance.now() - start;
        const body = Buffer.concat(chunks);
        if (response.statusCode === 200 && body[0] === 0xff && body[1] === 0xd8) {
          resolve({ latency, timings: parseServerTiming(response.headers['server-timing']) });
        } else reject(new Error(`${response.statusCode}: ${body.toString('utf8').slice(0, 500)}`));
      });
    });
    request.on('error', reject);
    request.end(image);
  });
}

/** `decode;dur=1.5, queue;dur=2` → { decode: 1.5, queue: 2 }. */
export function parseServerTiming(header: string | string[] | undefined): Timings {
  const entries = String(header ?? '').matchAll(/([\w-]+);dur=([\d.]+)/g);
  return Object.fromEntries([...entries].map(([, name = '', value]) => [name, Number(value)]));
}
