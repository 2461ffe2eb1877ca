#!/usr/bin/env node
/** The command line: `serve` (the default) and `translate`, which runs the same path without a server. */
import { outliveReaders, writeOut } from './cli/output.js';
import { messageOf } from './errors.js';
import { stopOnSignals } from './stop-signals.js';

const USAGE = `Usage:
  img2img-turbo-server [serve]                     serve, with settings from the environment and .env
  img2img-turbo-server translate IMAGE [options]   translate one picture without a server
  img2img-turbo-server --version | --help

See "img2img-turbo-server translate --help" for its options, "serve --help" for the settings.
`;

async function main([command, ...rest]: string[]): Promise<void> {
  switch (command) {
    case undefined:
    case 'serve':
      await import('./server.js');
      return;
    case 'translate': {
      const { translateCommand } = await import('./cli/translate.js');
      process.exitCode = await translateCommand(rest);
      return;
    }
    case '--version':
    case '-v': {
      const { readPackageVersion } = await import('./version.js');
      await writeOut(`${readPackageVersion()}\n`);
      return;
    }
    case '--help':
    case '-h':
      await writeOut(USAGE);
      return;
    default:
      process.stderr.write(`There is no command "${command}".\n${USAGE}`);
      process.exitCode = 2;
  }
}

stopOnSignals();
outliveReaders();
main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
});
