// Says whether ONNX Runtime's CUDA provider finds here the libraries it needs, and where those are to be had that it does not.
//
//   node scripts/cuda-libraries.mjs [--install] [FOLDER_OF_THE_PROVIDER]
//
// With `--install` (`npm run cuda:install`) it runs ONNX Runtime's own install script first, whose one choice is still called
// cuda12: what that has downloaded since 1.27 is built with CUDA 13. The Dockerfile runs it in the image that is to serve.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const PROVIDER = 'libonnxruntime_providers_cuda.so';
const INSTALLER = 'node_modules/onnxruntime-node/script/install.js';
const FOLDER = 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64';
/** Comes with the driver, which a machine that only builds an image does not have. */
const OF_THE_DRIVER = 'libcuda.so.1';
/** The linker does not name it: the provider looks for it when the first convolution runs. */
const CUDNN = 'libcudnn.so.9';
/** The first driver that CUDA 13 runs on. */
const OLDEST_DRIVER = 580;

const venv = process.env.IMG2IMG_VENV || path.join(homedir(), '.cache', 'img2img-turbo-server', 'venv');

/** Names of the libraries that a program which loads `library` would miss. */
function missingOf(library) {
  const { stdout, error } = spawnSync('ldd', [library], { encoding: 'utf8' });
  if (error) throw new Error(`ldd, which tells what is missing, cannot be run: ${error.message}`);
  const linked = [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map(([, name]) => name);
  return [...linked.filter((name) => name !== OF_THE_DRIVER), ...(opens(CUDNN) ? [] : [CUDNN])];
}

/** Whether the dynamic linker finds a library by its name. Node says of one that it opened only that it is no addon. */
function opens(name) {
  try {
    process.dlopen({ exports: {} }, name);
    return true;
  } catch (error) {
    return /self-register/.test(error.message);
  }
}

/** Folders of the exporter's Python environment that hold some of these: PyTorch brings its own CUDA. */
function foldersOfExporter(names) {
  const pythons = path.join(venv, 'lib');
  if (!existsSync(pythons)) return [];
  return readdirSync(pythons)
    .map((python) => path.join(pythons, python, 'site-packages', 'nvidia'))
    .filter((nvidia) => existsSync(nvidia))
    .flatMap((nvidia) => readdirSync(nvidia).map((part) => path.join(nvidia, part, 'lib')))
    .filter((folder) => names.some((name) => existsSync(path.join(folder, name))));
}

/** Sentences for somebody who lacks these libraries. */
function advice(names) {
  const folders = foldersOfExporter(names);
  const held = names.filter((name) => folders.some((folder) => existsSync(path.join(folder, name))));
  const lines = [
    `CUDA will not load: ${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} missing.`,
    'ONNX Runtime wants CUDA 13 and cuDNN 9 for CUDA 13. From NVIDIA’s repository (https://developer.nvidia.com/cuda-downloads):',
    '  apt install cuda-libraries-13-0 libcudnn9-cuda-13',
  ];
  if (held.length === names.length) {
    lines.push('Or take those of the exporter’s Python environment; start the server with');
    lines.push(`  LD_LIBRARY_PATH=${folders.join(':')}`);
  }
  return lines;
}

/** A sentence where the driver is too old for CUDA 13; nothing where it is not, or where none answers. */
function driverTooOld() {
  const query = ['--query-gpu=driver_version', '--format=csv,noheader'];
  const { stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8' });
  const version = (stdout ?? '').trim().split('\n')[0] ?? '';
  const major = Number.parseInt(version, 10);
  if (!(major < OLDEST_DRIVER)) return [];
  return [`CUDA 13 will not run on the NVIDIA driver ${version}: it needs ${OLDEST_DRIVER} or newer.`];
}

function complaints(provider) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return [`ONNX Runtime brings CUDA to Linux on x64 only; this is ${process.platform} on ${process.arch}.`];
  }
  if (!existsSync(provider)) return [`There is no ${provider}: npm run cuda:install`];
  const missing = missingOf(provider);
  return [...(missing.length > 0 ? advice(missing) : []), ...driverTooOld()];
}

const USAGE = `Usage: npm run cuda:install

Downloads ONNX Runtime’s CUDA libraries beside the binding, then says which of NVIDIA’s are missing and where to get them.

  node scripts/cuda-libraries.mjs [FOLDER_OF_THE_PROVIDER]   the second part alone
`;

/** What is asked for; ends the process where that is the usage, or cannot be understood. */
function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      options: { install: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const [folder = FOLDER, ...more] = positionals;
    if (more.length > 0) throw new Error(`There is one folder, not ${positionals.length}.`);
    return { install: values.install, folder };
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

const { install, folder } = readArguments();
if (install) {
  const { status } = spawnSync(process.execPath, [INSTALLER, '--onnxruntime-node-install=cuda12'], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}
const lines = complaints(path.join(folder, PROVIDER));
if (lines.length > 0) {
  console.error(lines.join('\n'));
  process.exitCode = 1;
} else console.error('The libraries of CUDA 13 and cuDNN 9 are all here.');
