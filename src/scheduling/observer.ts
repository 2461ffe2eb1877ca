/** What scheduling tells whoever measures it. */

export interface BatchEvent {
  device: string;
  bundle: string;
  /** Samples that were asked for, and the size it ran at. */
  batchSize: number;
  runSize: number;
  /** Milliseconds each job waited. */
  queueMs: number[];
  inferenceMs: number;
  /** Milliseconds of the whole device that its run took: less where it had a share of it. */
  busyMs: number;
  embeddingHits: number;
  embeddingMisses: number;
}

export interface SchedulingObserver {
  batchDone(event: BatchEvent): void;
  batchFailed(event: { device: string; reason: string; jobs: number }): void;
  engineRestarted(device: string): void;
}
