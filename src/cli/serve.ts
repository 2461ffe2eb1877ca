/** What may stand after `serve`: nothing, since a server is set by its environment. */

const USAGE = `Usage: img2img-turbo-server [serve]

It takes no options: settings come from the environment and .env, for example
  PORT=3000 img2img-turbo-server serve

  HOST         address to listen on (127.0.0.1)
  PORT         port to listen on (8080)
  MODELS_DIR   folder of bundles (models)
All others: the section "Settings" of README.md.
`;

/**
 * Answers what stands after `serve`.
 * @returns the exit code, where the server is not to start: 0 after `--help`, 2 where the command line is wrong
 */
export function answerArguments(args: readonly string[]): number | undefined {
  const [first] = args;
  if (first === undefined) return undefined;
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE);
    return 0;
  }
  process.stderr.write(`serve takes no arguments, not ${JSON.stringify(first)}.\n\n${USAGE}`);
  return 2;
}
