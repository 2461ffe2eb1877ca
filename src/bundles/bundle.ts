/** A bundle that holds together: its manifest with every path resolved. */
import type { Manifest } from './manifest.js';

export interface ResolvedFile {
  path: string;
  sha256: string;
  bytes: number;
}

/** The graphs of one direction as absolute paths, by the names of the graph contract. */
export type DirectionGraphs =
  | { layout: 'fused'; translator: string }
  | { layout: 'staged'; vae_encoder: string; unet: string; vae_decoder: string };

export interface Bundle {
  readonly id: string;
  readonly folder: string;
  readonly manifest: Manifest;
  /** Every file the manifest names, shared ones included, each once, absolute. */
  readonly files: readonly ResolvedFile[];
  readonly tokenizerPath: string;
  readonly textEncoderPath: string;
  readonly directions: ReadonlyMap<string, DirectionGraphs>;
  /** Bytes of all graphs on disk: what residency counts against a device's budget. */
  readonly graphBytes: number;
}
