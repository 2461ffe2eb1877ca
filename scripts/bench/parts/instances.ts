/** Part `instances`: what running side by side brings on this machine, and what memory it takes and gives back. */
import type { Bundle } from '../../../src/bundles/bundle.js';
import { bundleSpec } from '../../../src/bundles/bundle-spec.js';
import type { BatchSpec } from '../../../src/engine/protocol.js';
import type { SupervisedEngine } from '../../../src/engine/supervised-engine.js';
import { bundleUnderTest } from '../bundle-under-test.js';
import { settingsOf } from '../engine/ask.js';
import { startEngine } from '../engine/own-engine.js';
import type { Context, PartResult } from '../part.js';

/** Freed memory goes back to the system a moment later. */
const SETTLE_MS = 1_000;

interface Step {
  step: string;
  /** Of the engine process, resident. */
  megabytes: number;
  /** Absent where nothing ran. */
  msPerPicture?: number;
}

export async function instancesPart({ options, log }: Context): Promise<PartResult> {
  const bundle = await bundleUnderTest(options);
  const settings = settingsOf(options);
  if (settings.instances < 2) return { tables: [], bars: [], data: [] };
  const { engine, megabytes } = await startEngine(options.device, settings);
  const shares = Array.from({ length: settings.instances }, (_, i) => i + 1);
  const run = (instances: readonly number[]): Promise<number> =>
    msPerPicture(engine, bundle, instances, options.seconds);
  const steps: Step[] = [];
  const perform = async (step: string, action: () => Promise<number | undefined>): Promise<void> => {
    log(step);
    const milliseconds = await action();
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    steps.push({
      step,
      megabytes: megabytes(),
      ...(milliseconds === undefined ? {} : { msPerPicture: milliseconds }),
    });
  };
  const silently = (action: Promise<unknown>): Promise<undefined> => action.then(() => undefined);
  try {
    await perform('loaded', () => silently(engine.load(bundleSpec(bundle, [1]))));
    await perform('one after another', () => run([0]));
    for (const crowd of ['first', 'second']) {
      await perform(`instances for the ${crowd} crowd`, () => silently(engine.multiply(bundle.id)));
      await perform('side by side', () => run(shares));
      await perform('given back', () => silently(engine.reduce(bundle.id)));
    }
    await perform('one after another again', () => run([0]));
  } finally {
    await engine.close();
  }
  return {
    tables: [
      {
        title: `${settings.instances} instances of ${bundle.id}, ${settings.threads} threads`,
        columns: ['', 'engine MB', 'ms a picture'],
        rows: steps.map(({ step, megabytes, msPerPicture }) => [step, megabytes, msPerPicture]),
      },
    ],
    bars: [],
    data: steps,
  };
}

/** Keeps each of the instances busy with one picture after another. */
async function msPerPicture(
  engine: SupervisedEngine,
  bundle: Bundle,
  instances: readonly number[],
  seconds: number,
): Promise<number> {
  const start = performance.now();
  const end = start + seconds * 1000;
  let pictures = 0;
  await Promise.all(
    instances.map(async (instance) => {
      while (performance.now() < end) {
        await engine.run(blankPicture(bundle), instance);
        pictures++;
      }
    }),
  );
  return (performance.now() - start) / pictures;
}

function blankPicture({ id, manifest, directions }: Bundle): BatchSpec {
  const [width, height] = manifest.size.native;
  const direction = [...directions.keys()][0];
  if (direction === undefined) throw new Error(`${id} has no direction`);
  return {
    bundle: id,
    direction,
    width,
    height,
    images: new Uint8Array(width * height * 3),
    tokens: new BigInt64Array(manifest.embedding.length),
    seeds: new Int32Array(1),
    gammas: new Float32Array([1]),
    runSize: 1,
  };
}
