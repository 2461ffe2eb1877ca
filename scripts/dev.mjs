/**
 * Serves while somebody edits: `npm run dev`, which has compiled once. Compiles src and builds the studio anew after every
 * change, and starts the server again when dist has changed. The page is reloaded by hand.
 *
 * Not by `node --watch`: on Node 20, two changes in a row leave it deaf.
 */
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUILDERS = [
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput'],
  ['node_modules/vite/bin/vite.js', 'build', '--watch', '--logLevel', 'warn'],
];
/** A change comes as many files. */
const SETTLED_MS = 500;
/** A process group each, which a signal reaches as a whole: on Node 20, `tsc` is a parent that would leave the compiler behind. */
const grouped = process.platform !== 'win32';

const start = (command) =>
  spawn(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], detached: grouped });

const builders = BUILDERS.map(start);
let server;
/** Since the server started; the studio's first build is the first change, and starts it. */
let stale = false;
let stopping = false;
let settling;

/** One at a time: the port is free when the server before has ended. One that fails by itself waits for the next change. */
function serve() {
  if (server !== undefined || stopping || !stale) return;
  stale = false;
  server = start(['dist/server.js']);
  server.on('exit', () => {
    server = undefined;
    serve();
  });
}

function stop(code) {
  if (stopping) return;
  stopping = true;
  process.exitCode = code;
  watcher.close();
  clearTimeout(settling);
  server?.kill();
  for (const { pid, exitCode, signalCode } of builders) {
    if (exitCode === null && signalCode === null) process.kill(grouped ? -pid : pid);
  }
}

const watcher = watch(`${ROOT}dist`, { recursive: true }, () => {
  clearTimeout(settling);
  settling = setTimeout(() => {
    stale = true;
    server?.kill();
    serve();
  }, SETTLED_MS);
});

// Without one of them, what is served would grow old in silence.
for (const builder of builders) builder.on('exit', () => stop(1));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(0));
