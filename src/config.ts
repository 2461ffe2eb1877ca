/** Every setting of the server: one schema, read from the environment (and `.env`); a bad one stops the start. */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import { Img2ImgError } from './errors.js';

/** Environment values are strings: '' counts as absent, numbers are read as decimal. */
const integer = (min: number, max: number) => {
  const error = `must be an integer from ${min} to ${max}`;
  const word = z.string(error).regex(/^\d+$/, error);
  return word.transform(Number).pipe(z.int(error).min(min, error).max(max, error));
};
const boolean = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .transform((value) => value === 'true' || value === '1');
const list = z.string().transform((value) =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

const TRUST_PROXY_RULE =
  'must be true, false, a number of proxies from 0 to 100, or their addresses such as 10.0.0.1 or 10.0.0.0/8, comma-separated';
const isHops = (value: string) => /^\d+$/.test(value) && Number(value) <= 100;

/** An address or CIDR range. */
function isAddressRange(value: string): boolean {
  const [address = '', prefix, ...rest] = value.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) >= 1 && Number(prefix) <= (version === 4 ? 32 : 128);
}

/** Proxies of ours: how many stand in front, or their addresses; false: none. */
function trustedProxies(words: string[]): number | string[] | false {
  const [word = 'false'] = words;
  if (word === 'false' || word === '0') return false;
  if (word === 'true') return 1;
  return isHops(word) ? Number(word) : words;
}

/** What browsers send as Origin: scheme, host and perhaps port, or `null` of a page without one. */
const ORIGIN = /^(null|[a-z][a-z0-9+.-]*:\/\/[^/?#@*\s]+\/?)$/i;
/** A name as it stands in a URL, without scheme and port. */
const HOST_NAME = /^(\*|[a-z0-9_-]+(\.[a-z0-9_-]+)*)$/i;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
/** Text is taken in as one string, and V8 has none of 512 MB. */
const LONGEST_TEXT_MB = 511;
const BATCH_SIZES_RULE = 'must be integers from 1 to 64, comma-separated and ascending';

export const configSchema = z.object({
  HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
  PORT: integer(0, 65535).default(8080).describe('Port to listen on; 0 takes any free one.'),
  MODELS_DIR: z.string().min(1).default('models').describe('Folder of bundles.'),
  DEFAULT_MODEL: z
    .string()
    .optional()
    .describe('Bundle used where a request names none; default: the first ready one by id, sketches first.'),
  PRELOAD: list
    .refine(
      (names) => names.length <= 1 || !names.includes('none'),
      'must be ids, default or all, comma-separated, or none alone',
    )
    .prefault('default')
    .describe('Bundles to load at start: ids, `default`, `all` or `none`, comma-separated.'),
  DEVICES: list
    .prefault('auto')
    .describe(
      '`auto` (CUDA where it loads, else CPU) or a list such as `cuda:0,cuda:1`, `cpu`, `cpu,cpu`, `webgpu`.',
    ),
  CPU_THREADS: integer(0, 1024)
    .default(0)
    .describe('Threads of each CPU engine; 0: cores shared among the CPU engines.'),
  CPU_INSTANCES: integer(0, 64)
    .default(0)
    .describe(
      'Pictures of a small bundle that a CPU engine makes side by side, each on its share of the threads, while that many wait; 0: as many as threads, up to 4; 1: always on all threads.',
    ),
  MEMORY_BUDGET_MB: integer(0, 10_000_000)
    .default(0)
    .describe(
      'Megabytes of graphs resident on each device, those that bundles share counted once; 0: half of the memory of the machine, shared among the CPU engines, or of the CUDA card; 4096 at most where the card’s is not known, as with WebGPU.',
    ),
  EMBEDDING_CACHE_MB: integer(0, 65_536)
    .default(64)
    .describe(
      'Megabytes of encoded prompts kept per device; its parallel instances share a second cache of the same size.',
    ),
  MAX_QUEUE_SIZE: integer(1, 100_000)
    .default(128)
    .describe(
      'Pictures admitted and not yet answered; over it: 429. One address that has some gets no more than 8 times what would stay free, alone 8/9 of them (113 of 128, 7 of 8, 1 of 2), so that others find room; one that has none gets what is free, for its first request even all.',
    ),
  MAX_QUEUE_DELAY_MS: integer(0, 60_000)
    .default(0)
    .describe('How long an idle device may wait for a fuller batch.'),
  MAX_BATCH_SIZE: integer(1, 64).default(8).describe('Largest batch, whatever a bundle prefers.'),
  PREFERRED_BATCH_SIZES: list
    .transform((sizes) => sizes.map(Number))
    .refine((sizes) => sizes.every((size) => Number.isInteger(size) && size <= 64), BATCH_SIZES_RULE)
    .refine((sizes) => sizes.every((size, i) => size > (sizes[i - 1] ?? 0)), BATCH_SIZES_RULE)
    .prefault('')
    .describe(
      'Batch sizes to run, ascending, up to MAX_BATCH_SIZE; empty: those of each bundle that prove worth it, at warm-up on a GPU and under load on a CPU.',
    ),
  PRIORITY_AGING_MS: integer(0, 600_000)
    .default(2_000)
    .describe(
      'A client that has waited this long is served next, and its normal requests then count as interactive, so that nobody starves.',
    ),
  DEFAULT_TIMEOUT_MS: integer(1, 600_000).default(60_000).describe('Deadline of a request that sets none.'),
  ENGINE_START_TIMEOUT_MS: integer(100, 600_000)
    .default(60_000)
    .describe('Longest start of an engine process.'),
  ENGINE_RUN_TIMEOUT_MS: integer(100, 3_600_000)
    .default(600_000)
    .describe('Longest run of one batch or load of one bundle, after which its engine counts as hung.'),
  MAX_BODY_MB: integer(1, LONGEST_TEXT_MB)
    .default(20)
    .describe('Largest request body and stream frame, in megabytes.'),
  MAX_BODIES_MB: integer(1, 1_048_576)
    .default(512)
    .describe(
      'Megabytes of request bodies and stream frames held at once; over it: 429, and streams are closed with 1013.',
    ),
  MAX_ANSWERS_MB: integer(1, 1_048_576)
    .default(512)
    .describe(
      'Megabytes of pictures sent that clients have not read yet; over it, pictures made wait for room: of a request, which keeps its place in the queue, until its deadline, then 429; of a stream without end.',
    ),
  MAX_PIXELS: integer(1, 1_000_000_000)
    .default(50_000_000)
    .describe('Most pixels of an image sent, and of all results of a request scaled back to its size.'),
  STYLES_FILE: z
    .string()
    .optional()
    .describe('Own style presets instead of the shipped nine; see the README.'),
  STREAM_PING_MS: integer(100, 600_000).default(15_000).describe('Time between pings of a stream.'),
  STREAM_IDLE_MS: integer(100, 86_400_000)
    .default(300_000)
    .describe('A stream that sends nothing for this long is closed.'),
  MAX_STREAMS: integer(1, 100_000)
    .default(256)
    .describe(
      'Open streams; over it a connection is refused with 503. One address has its share of them, as of MAX_QUEUE_SIZE: alone 8/9 (227 of 256).',
    ),
  SHUTDOWN_TIMEOUT_MS: integer(100, 600_000)
    .default(30_000)
    .describe('How long a graceful stop waits for requests in the air.'),
  CORS_ORIGIN: list
    .refine(
      (origins) => origins.every((origin) => origin === '*' || ORIGIN.test(origin)),
      'must be origins such as https://example.org or http://localhost:3000, comma-separated, or *',
    )
    .prefault('')
    .describe('Origins whose pages may call the API, comma-separated; `*`: any; empty: only our own.'),
  ALLOWED_HOSTS: list
    .refine(
      (hosts) => hosts.every((host) => HOST_NAME.test(host)),
      'must be host names such as img2img.example.org, without scheme and port, comma-separated, or *',
    )
    .prefault('')
    .describe(
      'Names this server goes by, besides `localhost` and its addresses; pages that come by another, which anyone may have point here, are refused with 403. `*`: any; empty: no other where only this computer is listened to and TRUST_PROXY is off, else any.',
    ),
  TRUST_PROXY: list
    .refine(
      (words) =>
        words.every(isAddressRange) ||
        (words.length === 1 && words.every((word) => word === 'true' || word === 'false' || isHops(word))),
      TRUST_PROXY_RULE,
    )
    .transform(trustedProxies)
    .prefault('false')
    .describe(
      'Reverse proxies in front, whose X-Forwarded-For tells the client’s address: how many (`1`, also `true`; only where nobody can get around them) or their addresses and CIDR ranges, comma-separated; `false`: none.',
    ),
  LOG_LEVEL: z
    .enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`)
    .default('info')
    .describe('Least severe log line.'),
  LOG_PROMPTS: boolean.prefault('false').describe('Write prompts to the log.'),
});

/** What one setting says of another. */
const consistentSchema = configSchema.superRefine(({ PREFERRED_BATCH_SIZES, MAX_BATCH_SIZE }, context) => {
  if (!PREFERRED_BATCH_SIZES.some((size) => size > MAX_BATCH_SIZE)) return;
  const message = `must be no more than MAX_BATCH_SIZE, which is ${MAX_BATCH_SIZE}`;
  context.addIssue({ code: 'custom', path: ['PREFERRED_BATCH_SIZES'], message });
});

export type Config = z.infer<typeof configSchema>;

/**
 * Reads the settings from an environment. An empty value counts as absent.
 * @throws Img2ImgError `invalid_config` naming every setting that is wrong, what it was and what is allowed
 */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(
    Object.keys(configSchema.shape)
      .filter((name) => environment[name] !== undefined && environment[name] !== '')
      .map((name) => [name, environment[name]]),
  );
  const parsed = consistentSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const sentences = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return `${name}=${JSON.stringify(environment[name])}: ${issue.message}`;
  });
  // A number may be wrong in two ways at once, with one sentence for both.
  const faults = [...new Set(sentences)];
  throw new Img2ImgError('invalid_config', `Bad setting: ${faults.join('; ')}`, { details: { faults } });
}

/** The settings of this process: its environment, and `.env` in the working folder for what that does not say. */
export function readProcessConfig(overrides: Record<string, string> = {}): Config {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return readConfig({ ...process.env, ...overrides });
}
