// Runs a Python module of this folder in the project's own virtual environment, which it makes or updates first.
//
//   node scripts/python.mjs <module> [arguments…]
//
// The environment lies in $IMG2IMG_VENV, or ~/.cache/img2img-turbo-server/venv, and is made from requirements.txt. A stamp
// with that file's hash tells whether it is up to date, so a second start costs nothing.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const OLDEST_PYTHON = [3, 11];
const scripts = path.dirname(fileURLToPath(import.meta.url));
const requirements = path.join(scripts, 'requirements.txt');
const venv = process.env.IMG2IMG_VENV || path.join(homedir(), '.cache', 'img2img-turbo-server', 'venv');
const python = path.join(venv, 'bin', 'python');
const stamp = path.join(venv, 'requirements.sha256');
const lock = `${venv}.lock`;

/** Prints a sentence and ends the process. */
function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

/** The first interpreter on the path that is new enough. */
function findPython() {
  for (const name of ['python3', 'python', 'python3.14', 'python3.13', 'python3.12', 'python3.11']) {
    const answer = spawnSync(name, ['-c', 'import sys; print(*sys.version_info[:2])'], {
      encoding: 'utf8',
    });
    if (answer.status !== 0) continue;
    const [major = 0, minor = 0] = answer.stdout.trim().split(' ').map(Number);
    if (major === OLDEST_PYTHON[0] && minor >= OLDEST_PYTHON[1]) return name;
  }
  return fail(
    `Exporting needs Python ${OLDEST_PYTHON.join('.')} or newer on the path, and none was found. On Debian: apt install python3 python3-venv`,
  );
}

/** Runs a step of the set-up with its output shown. */
function step(what, command, parameters) {
  console.error(`${what} …`);
  // Standard output belongs to the module that is run later.
  const done = spawnSync(command, parameters, { stdio: ['ignore', 2, 2] });
  if (done.error) fail(`${what} failed: ${done.error.message}`);
  if (done.status !== 0) fail(`${what} failed (see above): ${command} ${parameters.join(' ')}`);
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Waits until no other command sets the environment up. What a command that was killed left behind does not count. */
async function lockEnvironment() {
  mkdirSync(path.dirname(lock), { recursive: true });
  for (let told = false; ; told = true) {
    try {
      return writeFileSync(lock, String(process.pid), { flag: 'wx' });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = existsSync(lock) ? readFileSync(lock, 'utf8') : '';
    if (holder !== '' && !isRunning(Number(holder))) rmSync(lock, { force: true });
    else {
      if (!told) console.error(`Another command sets the environment up (${lock}); waiting for it …`);
      await setTimeout(500);
    }
  }
}

/** The hash of what is to be installed. */
const wanted = () => createHash('sha256').update(readFileSync(requirements)).digest('hex');
const isMade = () => existsSync(python) && existsSync(stamp);
const isReady = () => isMade() && readFileSync(stamp, 'utf8').trim() === wanted();

/** Makes the environment if it is missing or was never finished, and installs the requirements if they changed. */
function prepare() {
  if (isReady()) return;
  if (!isMade()) {
    // Where Debian's python3-venv was missing there is a python without pip: made again over it, the environment is whole.
    step(`Making a Python environment in ${venv}`, findPython(), ['-m', 'venv', venv]);
  }
  step('Installing the Python packages (some gigabytes on first use)', python, [
    '-m',
    'pip',
    'install',
    '--disable-pip-version-check',
    '--requirement',
    requirements,
  ]);
  writeFileSync(stamp, `${wanted()}\n`);
}

const [module, ...parameters] = process.argv.slice(2);
if (module === undefined) fail('usage: node scripts/python.mjs <module> [arguments…]');
if (process.platform === 'win32') fail('The Python parts do not run on Windows; run them in WSL.');
if (!isReady()) {
  await lockEnvironment();
  prepare();
  rmSync(lock, { force: true });
}
const child = spawn(python, ['-m', module, ...parameters], {
  cwd: scripts,
  stdio: 'inherit',
  env: {
    // ONNX Runtime would report its use to Microsoft.
    ORT_DISABLE_TELEMETRY: '1',
    ...process.env,
    PYTHONPATH: [scripts, process.env.PYTHONPATH].filter(Boolean).join(path.delimiter),
    // Paths in arguments are meant from where the user stands.
    IMG2IMG_CWD: process.env.INIT_CWD ?? process.cwd(),
  },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => fail(`${python} could not be started: ${error.message}`));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
