/** `translate IMAGE -o OUT`: one picture through the whole way of a request, in this process. */
import { access, constants, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { pino } from 'pino';
import type { z } from 'zod';
import { readProcessConfig } from '../config.js';
import { createService } from '../create-service.js';
import { Img2ImgError, messageOf } from '../errors.js';
import { coerceWords, fieldFaults, fieldTable } from '../fields/fields.js';
import { readSize } from '../images/decode.js';
import { createMetrics } from '../metrics.js';
import { translateRequestObject } from '../request.js';
import type { OutputFormat } from '../translation.js';
import { loadOnOne } from './load-on-one.js';
import { writeOut } from './output.js';
import { startProgress } from './progress.js';

const USAGE = `Usage: img2img-turbo-server translate IMAGE -o OUT [options]

  -o, --output FILE     where the picture goes; its ending chooses the type (png, jpg, webp, avif)
                        with --n above 1: FILE becomes FILE-1, FILE-2, …; "-" is standard output
      --prompt TEXT     what the picture shows
      --model ID        bundle in MODELS_DIR; default: as the server chooses
      --style ID        --direction ID       --seed INT          --gamma 0..1
      --n 1..8          --size WxH           --fit cover|contain|fill|none
      --invert auto|true|false               --low-threshold N   --high-threshold N
      --restore-size    --quality 1..100     --timeout-ms MS     -q, --quiet
IMAGE "-" is standard input. Settings (MODELS_DIR, DEVICES, …) come from the environment and .env, as for the server.
`;

const OPTIONS = {
  output: { type: 'string', short: 'o' },
  prompt: { type: 'string' },
  model: { type: 'string' },
  style: { type: 'string' },
  direction: { type: 'string' },
  seed: { type: 'string' },
  gamma: { type: 'string' },
  n: { type: 'string' },
  size: { type: 'string' },
  fit: { type: 'string' },
  invert: { type: 'string' },
  'low-threshold': { type: 'string' },
  'high-threshold': { type: 'string' },
  'restore-size': { type: 'boolean' },
  quality: { type: 'string' },
  'timeout-ms': { type: 'string' },
  quiet: { type: 'boolean', short: 'q' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options'];

const table = fieldTable(translateRequestObject);

const FORMATS: Readonly<Record<string, OutputFormat>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
  '.avif': 'avif',
};

/** @returns the exit code: 0 done, 1 failed, 2 the command line is wrong */
export async function translateCommand(args: string[]): Promise<number> {
  let command: Command;
  try {
    const parsed = parseCommand(args);
    if (parsed === 'help') {
      await writeOut(USAGE);
      return 0;
    }
    command = parsed;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
  try {
    await run(command);
    return 0;
  } catch (error) {
    const code = error instanceof Img2ImgError ? ` (${error.code})` : '';
    process.stderr.write(`${messageOf(error)}${code}\n`);
    return 1;
  }
}

interface Command {
  input: string;
  output: string;
  quiet: boolean;
  request: z.infer<typeof translateRequestObject>;
}

function parseCommand(args: string[]): Command | 'help' {
  const { values, positionals } = parseArgs({
    args: joinNegatives(args),
    options: OPTIONS,
    allowPositionals: true,
  });
  if (values.help) return 'help';
  const [input, ...more] = positionals;
  if (input === undefined || more.length > 0) throw new Error('Say exactly one IMAGE.');
  const { output, quiet = false, help: _, ...fields } = values;
  if (output === undefined) throw new Error('Say where the picture goes: -o FILE.');
  const format = output === '-' ? 'png' : FORMATS[path.extname(output).toLowerCase()];
  if (format === undefined) {
    throw new Error(`${output} must end in one of ${Object.keys(FORMATS).join(', ')}.`);
  }
  const named = Object.entries(fields).map(([name, value]) => [name.replaceAll('-', '_'), value]);
  const given = coerceWords({ ...Object.fromEntries(named), format }, table);
  const parsed = translateRequestObject.safeParse(given);
  if (!parsed.success) {
    const faults = fieldFaults(parsed.error, given, table);
    throw new Error(faults.map(({ field, message }) => message.replace(field, optionOf(field))).join('\n'));
  }
  if (output === '-' && parsed.data.n > 1)
    throw new Error('Standard output takes one picture: --n goes with -o FILE.');
  return { input, output, quiet, request: parsed.data };
}

const optionOf = (field: string) => `--${field.replaceAll('_', '-')}`;

/** `--seed -5` means `--seed=-5`; parseArgs would take the dash for an option and the value for forgotten. */
function joinNegatives(args: string[]): string[] {
  return args.reduce<string[]>((joined, arg) => {
    const option = joined.at(-1) ?? '';
    if (/^-\.?\d/.test(arg) && /^--[^=]+$/.test(option)) joined[joined.length - 1] = `${option}=${arg}`;
    else joined.push(arg);
    return joined;
  }, []);
}

async function run({ input, output, quiet, request }: Command): Promise<void> {
  const image = await readInput(input);
  const { n, priority, response: _, ...settings } = request;
  const config = readProcessConfig({ PRELOAD: 'none' });
  // Before the minutes that a large model may take to load.
  await readSize(image, { maxPixels: config.MAX_PIXELS });
  if (output !== '-') await checkWritable(output);
  const logger = pino({ level: quiet ? 'silent' : 'warn' }, pino.destination(2));
  const progress = startProgress(quiet ? undefined : process.stderr);
  progress.say('starting the engine');
  const service = await createService({ config, logger, metrics: createMetrics() });
  try {
    const resolved = service.resolve(settings);
    progress.say(`loading ${resolved.model}`);
    // What is loaded on one device is made there.
    await loadOnOne(service, resolved.model);
    progress.say('translating');
    const translation = await service.translate({
      image,
      settings: {
        ...settings,
        seed: resolved.seed,
        timeout_ms: settings.timeout_ms ?? config.ENGINE_RUN_TIMEOUT_MS,
      },
      n,
      priority,
      client: 'command line',
    });
    for (const [i, { data }] of translation.images.entries()) {
      if (output === '-') await writeOut(data);
      else await writeFile(n === 1 ? output : numbered(output, i + 1), data);
    }
    const { model, device, width, height, timings, warnings } = translation;
    progress.done(
      `${output}: ${width}×${height} by ${model} on ${device}, seed ${resolved.seed}, ` +
        `${Math.round(timings.inference)} ms inference${warnings.map(({ detail }) => `; ${detail}`).join('')}`,
    );
  } finally {
    progress.stop();
    await service.close();
  }
}

async function readInput(input: string): Promise<Uint8Array> {
  if (input !== '-') return readFile(input);
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** @throws Error where the folder of `output` is not there, is a file, or may not be written */
async function checkWritable(output: string): Promise<void> {
  // With the separator at its end it must be a folder.
  await access(path.dirname(output) + path.sep, constants.W_OK);
}

function numbered(output: string, index: number): string {
  const { dir, name, ext } = path.parse(output);
  return path.join(dir, `${name}-${index}${ext}`);
}
