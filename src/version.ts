/** The version of this package, from the one place that says it. */
import { readFileSync } from 'node:fs';

export function readPackageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
