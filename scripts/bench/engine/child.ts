/** Entry of the process that runs raw sessions: forked for each bundle, so that none inherits another's memory. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import type { BundleSpec, EngineSettings } from '../../../src/engine/protocol.js';
import { watchGpuMemory } from '../gpu-memory.js';
import { median } from '../statistics.js';
import { arithmeticLimit } from './arithmetic-limit.js';
import { type OperatorCost, operatorCosts } from './profile.js';
import { RawRunner } from './runner.js';

export type EngineTask =
  | { type: 'limit'; settings: EngineSettings; half: boolean }
  | { type: 'profile'; settings: EngineSettings; spec: BundleSpec }
  | {
      type: 'time';
      settings: EngineSettings;
      spec: BundleSpec;
      batchSizes: number[];
      seconds: number;
      /** Session options laid over the server's own. */
      changes?: InferenceSession.SessionOptions;
    };

export interface BatchTiming {
  batchSize: number;
  /** Median milliseconds of a run. */
  milliseconds: number;
  runs: number;
}

export interface EngineAnswer {
  limit?: number;
  operators?: OperatorCost[];
  timings?: BatchTiming[];
  loadMs?: number;
  /** Megabytes that the card has grown by at the end; absent on a CPU. */
  gpuMemory?: number | undefined;
  /** Resident bytes at the end. */
  memory: number;
}

async function perform(task: EngineTask): Promise<Omit<EngineAnswer, 'memory'>> {
  switch (task.type) {
    case 'limit':
      return { limit: await arithmeticLimit(task.settings, task.half) };
    case 'profile': {
      const folder = await mkdtemp(path.join(os.tmpdir(), 'img2img-profile-'));
      try {
        return { operators: operatorCosts(await RawRunner.profile(task.spec, task.settings, folder)) };
      } finally {
        await rm(folder, { recursive: true });
      }
    }
    case 'time': {
      const gpuMemory = watchGpuMemory(task.settings);
      const start = performance.now();
      const runner = await RawRunner.load(task.spec, task.settings, task.changes);
      const loadMs = performance.now() - start;
      const timings: BatchTiming[] = [];
      for (const batchSize of task.batchSizes) {
        const times = await runner.time(runner.inputs(batchSize), task.seconds);
        timings.push({ batchSize, milliseconds: median(times), runs: times.length });
      }
      return { loadMs, timings, gpuMemory: gpuMemory() };
    }
  }
}

process.once('message', async (task: EngineTask) => {
  const answer: EngineAnswer = { ...(await perform(task)), memory: process.memoryUsage().rss };
  process.send?.(answer, () => process.exit(0));
});
