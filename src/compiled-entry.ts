/** Where a process or thread of ours starts: the compiled file, also when a test runs us from TypeScript sources. */

const SOURCES = new URL('.', import.meta.url);
const RUNS_FROM_SOURCE = import.meta.url.endsWith('.ts');

/** @param path of the compiled file below `dist/` (and of its source below `src/`), for example `engine/process.js` */
export function compiledEntry(path: string): URL {
  // Node cannot fork a `.ts` file; `npm test` builds before it runs.
  return new URL(RUNS_FROM_SOURCE ? `../dist/${path}` : path, SOURCES);
}
