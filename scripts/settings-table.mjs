/** Writes the settings table of README.md from the one schema of every setting: `npm run docs:settings`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { settingsTable } from '../dist/settings-table.js';

const readme = new URL('../README.md', import.meta.url);
const text = readFileSync(readme, 'utf8');
const [start, end] = ['<!-- settings: npm run docs:settings -->', '<!-- /settings -->'];
const [before, rest] = text.split(start);
const after = rest.split(end)[1];
writeFileSync(readme, `${before}${start}\n${settingsTable()}\n${end}${after}`);
