/** What stands after `serve` is answered, not passed over: a server on another port than was asked for helps nobody. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

function run(entry: string, ...args: string[]) {
  const path = fileURLToPath(new URL(`../../dist/${entry}`, import.meta.url));
  // A port that is none: where the arguments are passed over, the start fails with another code.
  const env = { ...process.env, PORT: 'none' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('img2img-turbo-server serve', () => {
  it.each([
    ['cli.js', ['serve', '--port', '3000']],
    ['server.js', ['--port', '3000']],
    ['server.js', ['serve', '--port', '3000']],
  ])('%s %j is refused with the usage', (entry, args) => {
    const { status, stderr } = run(entry, ...args);
    expect(stderr).toMatch(/^serve takes no arguments, not "--port"\.\n\nUsage: .*PORT/s);
    expect(status).toBe(2);
  });

  it.each([
    ['cli.js', ['serve', '--help']],
    ['server.js', ['-h']],
  ])('%s %j prints the usage', (entry, args) => {
    const { status, stdout, stderr } = run(entry, ...args);
    expect(stdout).toMatch(/^Usage: .*HOST .*PORT .*MODELS_DIR .*README\.md/s);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it.each([
    ['cli.js', []],
    ['cli.js', ['serve']],
    ['server.js', []],
  ])('%s %j starts', (entry, args) => {
    expect(run(entry, ...args)).toMatchObject({ status: 1, stderr: expect.stringContaining('PORT="none"') });
  });
});
