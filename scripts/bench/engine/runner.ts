/** Raw sessions of a bundle, run back to back with nothing around them: what a device can do at best. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { fillGaussian } from '../../../src/engine/noise.js';
import { graphsInOrder, type PipelineInputs, runPipeline } from '../../../src/engine/pipeline.js';
import type { BundleSpec, EngineSettings } from '../../../src/engine/protocol.js';
import { sessionOptions } from '../../../src/engine/sessions.js';
import { lastRun, type ProfileEvent } from './profile.js';

export class RawRunner {
  readonly #spec: BundleSpec;
  readonly #sessions: readonly InferenceSession[];

  private constructor(spec: BundleSpec, sessions: readonly InferenceSession[]) {
    this.#spec = spec;
    this.#sessions = sessions;
  }

  /** @param changes session options laid over the server's own */
  static async load(
    spec: BundleSpec,
    settings: EngineSettings,
    changes: InferenceSession.SessionOptions = {},
  ): Promise<RawRunner> {
    const graphs = Object.values(spec.directions)[0];
    if (graphs === undefined) throw new Error(`${spec.id} has no direction`);
    const options = { ...sessionOptions(settings), ...changes };
    const sessions: InferenceSession[] = [];
    for (const { path } of graphsInOrder(graphs)) sessions.push(await InferenceSession.create(path, options));
    return new RawRunner(spec, sessions);
  }

  /** Inputs that look like requests': strokes on a background, noise of different seeds. */
  inputs(
    batchSize: number,
    side: readonly [width: number, height: number] = this.#spec.nativeSize,
  ): PipelineInputs {
    const [width, height] = side;
    const { channels, downscale } = this.#spec.latent;
    const { length, width: embeddingWidth } = this.#spec.embedding;
    const latent = [channels, height / downscale, width / downscale] as const;
    const gaussian = (shape: readonly number[], seed: number): Tensor => {
      const values = new Float32Array(shape.reduce((product, side) => product * side, 1));
      fillGaussian(values, seed);
      return new Tensor('float32', values, [...shape]);
    };
    const image = new Uint8Array(batchSize * height * width * 3);
    for (let i = 0; i < image.length; i++) image[i] = (Math.floor(i / 3) * 7919) % 997 < 60 ? 255 : 0;
    return {
      image: new Tensor('uint8', image, [batchSize, height, width, 3]),
      text_embedding: gaussian([batchSize, length, embeddingWidth], 1),
      noise: gaussian([batchSize, ...latent], 2),
      gamma: new Tensor('float32', new Float32Array(batchSize).fill(0.7), [batchSize]),
    };
  }

  async once(inputs: PipelineInputs): Promise<void> {
    await runPipeline(this.#sessions, inputs);
  }

  /** Milliseconds of each run after two to warm up; at least three, and as many as `seconds` hold. */
  async time(inputs: PipelineInputs, seconds: number): Promise<number[]> {
    await runPipeline(this.#sessions, inputs);
    await runPipeline(this.#sessions, inputs);
    const times: number[] = [];
    const end = performance.now() + seconds * 1000;
    while (times.length < 3 || performance.now() < end) {
      const start = performance.now();
      await runPipeline(this.#sessions, inputs);
      times.push(performance.now() - start);
    }
    return times;
  }

  async release(): Promise<void> {
    for (const session of this.#sessions) await session.release();
  }

  /**
   * The nodes of one warm run, as ONNX Runtime's profiler saw them.
   * @param folder an empty one, for the profiler's files
   */
  static async profile(spec: BundleSpec, settings: EngineSettings, folder: string): Promise<ProfileEvent[]> {
    const options = { enableProfiling: true, profileFilePrefix: path.join(folder, 'profile') };
    const runner = await RawRunner.load(spec, settings, options);
    const inputs = runner.inputs(1);
    for (let i = 0; i < PROFILED_RUNS; i++) await runPipeline(runner.#sessions, inputs);
    for (const session of runner.#sessions) session.endProfiling();
    await runner.release();
    const nodes: ProfileEvent[] = [];
    for (const file of await readdir(folder)) {
      nodes.push(...lastRun(JSON.parse(await readFile(path.join(folder, file), 'utf8')) as ProfileEvent[]));
    }
    return nodes;
  }
}

/** The last one counts; those before it warm up. */
const PROFILED_RUNS = 4;
