import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../src/config.js';
import { settingsTable } from '../src/settings-table.js';

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

  it('name every fault with its value', () => {
    expect(() => readConfig({ PORT: 'eighty', LOG_LEVEL: 'loud', PREFERRED_BATCH_SIZES: '4,1' })).toThrow(
      /PORT="eighty": .*LOG_LEVEL="loud": .*|PREFERRED_BATCH_SIZES="4,1": must ascend/,
    );
  });

  it('stand in the README as they are (npm run docs:settings)', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    expect(readme).toContain(settingsTable());
  });
});
