import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../src/config.js';
import { settingsTable } from '../src/settings-table.js';

const TRUST_PROXY_RULE =
  'must be true, false, a number of proxies from 0 to 100, or their addresses such as 10.0.0.1 or 10.0.0.0/8, comma-separated';

describe('the settings', () => {
  it('have a default each', () => {
    expect(readConfig({})).toMatchObject({
      HOST: '127.0.0.1',
      PORT: 8080,
      MODELS_DIR: 'models',
      DEVICES: ['auto'],
    });
  });

  it('take an empty value as none', () => {
    expect(readConfig({ PORT: '', DEFAULT_MODEL: '' })).toEqual(readConfig({}));
  });

  it('read lists and numbers', () => {
    const config = readConfig({
      DEVICES: 'cpu, cuda:1',
      PREFERRED_BATCH_SIZES: '1,4,8',
      LOG_PROMPTS: 'true',
    });
    expect(config).toMatchObject({
      DEVICES: ['cpu', 'cuda:1'],
      PREFERRED_BATCH_SIZES: [1, 4, 8],
      LOG_PROMPTS: true,
    });
  });

  it.each([
    ['PORT', 'abc', 'must be an integer from 0 to 65535'],
    ['PORT', '70000.5', 'must be an integer from 0 to 65535'],
    ['PORT', '0x10', 'must be an integer from 0 to 65535'],
    ['MAX_QUEUE_SIZE', '0', 'must be an integer from 1 to 100000'],
    ['MAX_BODY_MB', '512', 'must be an integer from 1 to 511'],
    ['TRUST_PROXY', 'yes', TRUST_PROXY_RULE],
    ['TRUST_PROXY', '101', TRUST_PROXY_RULE],
    ['TRUST_PROXY', '-1', TRUST_PROXY_RULE],
    ['TRUST_PROXY', '1,2', TRUST_PROXY_RULE],
    ['TRUST_PROXY', '10.0.0.1,true', TRUST_PROXY_RULE],
    ['TRUST_PROXY', '10.0.0.0/33', TRUST_PROXY_RULE],
    ['TRUST_PROXY', '10.0.0.0/0', TRUST_PROXY_RULE],
    ['PRELOAD', 'all,none', 'must be ids, default or all, comma-separated, or none alone'],
    ['LOG_LEVEL', 'loud', 'must be one of fatal, error, warn, info, debug, trace, silent'],
    ['PREFERRED_BATCH_SIZES', '4,1', 'must be integers from 1 to 64, comma-separated and ascending'],
    ['PREFERRED_BATCH_SIZES', 'x', 'must be integers from 1 to 64, comma-separated and ascending'],
    ['PREFERRED_BATCH_SIZES', '0,1', 'must be integers from 1 to 64, comma-separated and ascending'],
    ['PREFERRED_BATCH_SIZES', '1,16', 'must be no more than MAX_BATCH_SIZE, which is 8'],
    [
      'ALLOWED_HOSTS',
      'https://a.example',
      'must be host names such as img2img.example.org, without scheme and port, comma-separated, or *',
    ],
    [
      'ALLOWED_HOSTS',
      'localhost:8080',
      'must be host names such as img2img.example.org, without scheme and port, comma-separated, or *',
    ],
    [
      'CORS_ORIGIN',
      'https://a.example, foo',
      'must be origins such as https://example.org or http://localhost:3000, comma-separated, or *',
    ],
    [
      'CORS_ORIGIN',
      'https://*.example',
      'must be origins such as https://example.org or http://localhost:3000, comma-separated, or *',
    ],
    [
      'CORS_ORIGIN',
      'https://a.example/page',
      'must be origins such as https://example.org or http://localhost:3000, comma-separated, or *',
    ],
  ])('name %s=%s and what is allowed, in one sentence', (name, value, rule) => {
    expect(() => readConfig({ [name]: value })).toThrow(
      expect.objectContaining({
        code: 'invalid_config',
        message: `Bad setting: ${name}="${value}": ${rule}`,
      }),
    );
  });

  it('take batch sizes up to the largest batch', () => {
    const sizes = { PREFERRED_BATCH_SIZES: '1,16' };
    expect(readConfig({ ...sizes, MAX_BATCH_SIZE: '16' }).PREFERRED_BATCH_SIZES).toEqual([1, 16]);
    expect(() => readConfig({ ...sizes, MAX_BATCH_SIZE: '15' })).toThrow(
      /PREFERRED_BATCH_SIZES="1,16": .* 15$/,
    );
  });

  it('name every fault', () => {
    expect(() => readConfig({ PORT: 'eighty', LOG_LEVEL: 'loud' })).toThrow(
      /PORT="eighty": .*LOG_LEVEL="loud": /,
    );
  });

  it.each([
    ['', false],
    ['false', false],
    ['0', false],
    ['true', 1],
    ['1', 1],
    ['2', 2],
    ['10.0.0.1', ['10.0.0.1']],
    ['10.0.0.0/8, ::1, fd00::/8', ['10.0.0.0/8', '::1', 'fd00::/8']],
  ])('take TRUST_PROXY=%s', (value, expected) => {
    expect(readConfig({ TRUST_PROXY: value }).TRUST_PROXY).toEqual(expected);
  });

  it('take every kind of origin', () => {
    for (const origin of ['*', 'null', 'http://localhost:3000', 'https://a.example/', 'tauri://localhost']) {
      expect(readConfig({ CORS_ORIGIN: origin }).CORS_ORIGIN).toEqual([origin]);
    }
  });

  it('stand in the README as they are (npm run docs:settings)', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    expect(readme).toContain(settingsTable());
  });
});
