/** `npm run bench`: measures what is asked for, prints tables, and writes everything as JSON where told. */
import { writeFile } from 'node:fs/promises';
import { engineEnvironment } from '../../src/engine/engine-environment.js';
import { describeEnvironment } from './environment.js';
import { HELP, type Options, type PartName, readOptions } from './options.js';
import type { Context, Part, PartResult } from './part.js';
import { ceilingPart } from './parts/ceiling.js';
import { enginePart } from './parts/engine.js';
import { instancesPart } from './parts/instances.js';
import { layoutsPart } from './parts/layouts.js';
import { loadPart } from './parts/load.js';
import { memoryPart } from './parts/memory.js';
import { peerPart } from './parts/peer.js';
import { serverPart } from './parts/server.js';
import { startPart } from './parts/start.js';
import { transportPart } from './parts/transport.js';
import { barTable } from './report/bars.js';
import { renderTable } from './report/table.js';

const PARTS: Record<PartName, Part> = {
  transport: transportPart,
  start: startPart,
  load: loadPart,
  engine: enginePart,
  layouts: layoutsPart,
  instances: instancesPart,
  server: serverPart,
  ceiling: ceilingPart,
  peer: peerPart,
  memory: memoryPart,
};

// Raw sessions run as the server's engines do.
Object.assign(process.env, engineEnvironment(process.env));

async function run(options: Options): Promise<void> {
  const environment = describeEnvironment();
  const { machine } = environment;
  console.log(
    `${environment.date} · ${environment.commit} · ${machine.cores} × ${machine.cpu} · ${machine.memoryGiB} GiB`,
  );
  console.log(
    `${Object.entries(environment.versions)
      .map((pair) => pair.join(' '))
      .join(' · ')} · load ${machine.load}\n`,
  );
  const results: Partial<Record<PartName, PartResult>> = {};
  const context: Context = { options, log: (line) => console.error(`… ${line}`) };
  for (const name of options.parts) {
    const result = await PARTS[name](context);
    results[name] = result;
    for (const table of result.tables) console.log(`${renderTable(table)}\n`);
  }
  const bars = Object.values(results).flatMap((result) => result.bars);
  if (bars.length > 0) console.log(renderTable(barTable(bars)));
  if (options.json !== undefined) {
    const data = Object.fromEntries(Object.entries(results).map(([name, result]) => [name, result.data]));
    await writeFile(options.json, `${JSON.stringify({ environment, options, bars, ...data }, null, 2)}\n`);
  }
}

try {
  const args = process.argv.slice(2);
  if (args.includes('--help')) console.log(HELP);
  else await run(readOptions(args));
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n\n${HELP}` : error);
  process.exitCode = 1;
}
