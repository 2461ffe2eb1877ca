/** Every setting as a Markdown table, from the schema that reads them. */
import { z } from 'zod';
import { configSchema } from './config.js';

export function settingsTable(): string {
  const defaults = configSchema.parse({});
  const { properties = {} } = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  const rows = Object.entries(properties).map(([name, property]) => {
    const description = typeof property === 'object' ? (property.description ?? '') : '';
    const value = defaults[name as keyof typeof defaults];
    const shown =
      value === undefined || (Array.isArray(value) && value.length === 0) ? '' : `\`${String(value)}\``;
    return `| \`${name}\` | ${shown} | ${description} |`;
  });
  return ['| setting | default | what |', '|---|---|---|', ...rows].join('\n');
}
