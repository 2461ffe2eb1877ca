/** Runs the server: reads the settings, builds the app, listens, and closes with grace. Nothing else. */
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import { pino } from 'pino';
import { buildApp } from './app.js';
import { answerArguments } from './cli/serve.js';
import { type Config, readProcessConfig } from './config.js';
import { createService } from './create-service.js';
import { messageOf } from './errors.js';
import { collectLessOften } from './heap.js';
import { createMetrics } from './metrics.js';
import { leaveSignals } from './stop-signals.js';

/** Of SHUTDOWN_TIMEOUT_MS, this is kept for refusing what is left and ending the engines. */
const CLOSING_SHARE = 0.2;
/** For the last answers to leave the machine. */
const CONNECTION_GRACE_MS = 500;
/** Past SHUTDOWN_TIMEOUT_MS the process ends whatever hangs. */
const LAST_RESORT_MS = 1_000;

async function serve(config: Config): Promise<void> {
  collectLessOften();
  const logger = pino({ name: 'img2img-turbo-server', level: config.LOG_LEVEL });
  const metrics = createMetrics();
  const service = await createService({ config, logger, metrics });
  const app = buildApp({ config, service, logger, registry: metrics.registry });

  closeWithGrace({ delay: config.SHUTDOWN_TIMEOUT_MS + LAST_RESORT_MS, logger }, async ({ signal, err }) => {
    if (err !== undefined) logger.fatal({ err }, 'uncaught error');
    logger.info({ signal }, 'stopping');
    service.drain();
    const patience = config.SHUTDOWN_TIMEOUT_MS * (1 - CLOSING_SHARE);
    const drained = app.drain().then(() => true);
    const answered = await Promise.race([drained, sleep(patience, false, { ref: false })]);
    if (!answered) logger.warn({ ms: patience }, 'drain timed out');
    // Ends the engines first where requests are left: they are refused with a problem, not cut off.
    await service.close();
    const closing = app.close();
    // What is left now is connections, not requests: a client may hold one open as long as it likes.
    setTimeout(() => app.server.closeAllConnections(), CONNECTION_GRACE_MS).unref();
    await closing;
    logger.info('stopped');
  });
  leaveSignals();

  try {
    await app.listen({ host: config.HOST, port: config.PORT });
  } catch (error) {
    // Engines that are loading would complain about a parent that is gone.
    await service.close();
    throw error;
  }
  const { port } = app.server.address() as AddressInfo;
  const host = config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST;
  const shown = host === '0.0.0.0' || host === '[::]' ? '127.0.0.1' : host;
  process.stderr.write(`img2img-turbo-server listens on http://${shown}:${port} (API: /docs)\n`);
}

function startFault(error: unknown, config: Config | undefined): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const place = `${config?.HOST}:${config?.PORT}`;
  if (code === 'EADDRINUSE') {
    return `${place} is in use by another process: stop that one, or set PORT to another port.`;
  }
  if (code === 'EACCES') return `${place} may not be listened on by this user: set PORT to one above 1023.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `HOST=${config?.HOST} is not an address of this machine.`;
  }
  return messageOf(error);
}

// Of both ways here: the command line's `serve …`, and `npm start -- …`.
const [first, ...rest] = process.argv.slice(2);
const answer = answerArguments(first === undefined || first === 'serve' ? rest : [first, ...rest]);
if (answer !== undefined) process.exit(answer);

let config: Config | undefined;
try {
  config = readProcessConfig();
  await serve(config);
} catch (error) {
  process.stderr.write(`img2img-turbo-server cannot start. ${startFault(error, config)}\n`);
  process.exit(1);
}
