/** A server that cannot start says why in one sentence, and does not hang about. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FIXTURES } from '../bundle-fixtures.js';

const ENTRY = fileURLToPath(new URL('../../dist/server.js', import.meta.url));

async function failToStart(
  settings: Record<string, string>,
  cwd?: string,
): Promise<{ code: number; said: string }> {
  const child = spawn(process.execPath, [ENTRY], {
    env: { ...process.env, MODELS_DIR: FIXTURES, PORT: '0', LOG_LEVEL: 'silent', ...settings },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

describe('a start that fails', () => {
  it('names the setting that is wrong, its value and what is allowed', async () => {
    const { code, said } = await failToStart({ PORT: 'eighty' });
    expect(code).toBe(1);
    expect(said).toMatch(/^img2img-turbo-server cannot start\. Bad setting: PORT="eighty": .+\n$/);
  });

  it('reads .env from the folder it is started in', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'env-'));
    await writeFile(join(folder, '.env'), 'MAX_BODY_MB=lots\n');
    const { code, said } = await failToStart({}, folder);
    expect(code).toBe(1);
    expect(said).toContain('MAX_BODY_MB="lots"');
  });

  it('names the port that another process has', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { code, said } = await failToStart({ PORT: String(port) });
    other.close();
    expect(code).toBe(1);
    expect(said).toContain(`127.0.0.1:${port} is in use by another process`);
    expect(said.trim().split('\n')).toHaveLength(1);
  });

  it('names the device that cannot be had', async () => {
    const { code, said } = await failToStart({ DEVICES: 'cpu,abacus' });
    expect(code).toBe(1);
    expect(said).toContain('abacus');
    expect(said.trim().split('\n')).toHaveLength(1);
  });
});
