/** What the tests of HTTP share: an app over a fake service, and pictures. */
import type { FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';
import { type AppOptions, buildApp } from '../../src/app.js';
import { type Config, readConfig } from '../../src/config.js';
import { fromSvg } from '../from-svg.js';
import { createFakeService, type FakeService } from './fake-service.js';

export interface TestApp {
  app: FastifyInstance;
  service: FakeService;
  registry: Registry;
  /** Listens on a free port; the base URL. */
  listen(): Promise<string>;
}

export function testApp(
  settings: Record<string, string> = {},
  { studio = '/nowhere', ...options }: Pick<AppOptions, 'studio' | 'logger'> = {},
): TestApp {
  const config: Config = readConfig(settings);
  const service = createFakeService();
  const registry = new Registry();
  const app = buildApp({ config, service, registry, studio, ...options });
  return {
    app,
    service,
    registry,
    listen: () => app.listen({ host: '127.0.0.1', port: 0 }),
  };
}

/** Words of JavaScript and of the validator, which no sentence about a fault may have. */
export const NOISE = /Invalid input|undefined|null|NaN|\[object/;

/** A sketch whose strokes differ with `mark`. */
export function sketch(format: 'png' | 'jpeg' = 'png', mark = 0): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64" fill="#fff"/>
<circle cx="${16 + (mark % 32)}" cy="${16 + (Math.floor(mark / 32) % 32)}" r="12" fill="none" stroke="#000" stroke-width="3"/></svg>`;
  return fromSvg(svg).toFormat(format).toBuffer();
}

export interface FormPart {
  name: string;
  value: string | Buffer;
  filename?: string;
}

/** A form as inject takes it. */
export function form(parts: FormPart[]): { payload: Buffer; headers: Record<string, string> } {
  const boundary = 'form-boundary-of-the-tests';
  const chunks = parts.flatMap(({ name, value, filename }) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n` +
        `${filename === undefined ? '' : 'Content-Type: application/octet-stream\r\n'}\r\n`,
    ),
    Buffer.from(value),
    Buffer.from('\r\n'),
  ]);
  return {
    payload: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  };
}
