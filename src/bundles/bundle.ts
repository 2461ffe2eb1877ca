/** A bundle that holds together: its manifest with every path resolved. */
import type { Manifest } from './manifest.js';

export interface ResolvedFile {
  path: string;
  sha256: string;
  bytes: number;
}

/** A graph at its absolute path. */
export interface GraphFile {
  path: string;
  /** Of the graph and its weights aside: other files may come to lie at their paths. */
  sha256: string;
}

/** The graphs of one direction, by the names of the graph contract. */
export type DirectionGraphs =
  | { layout: 'fused'; translator: GraphFile }
  | { layout: 'staged'; vae_encoder: GraphFile; unet: GraphFile; vae_decoder: GraphFile };

export interface Bundle {
  readonly id: string;
  readonly folder: string;
  /** Where all bundles lie: `MODELS_DIR`, absolute. */
  readonly modelsDir: string;
  readonly manifest: Manifest;
  /** Every file the manifest names, shared ones included, each once, absolute. */
  readonly files: readonly ResolvedFile[];
  readonly tokenizerPath: string;
  readonly textEncoder: GraphFile;
  readonly directions: ReadonlyMap<string, DirectionGraphs>;
  /** Of `files`, those that an engine loads: the graphs, and the weights aside. */
  readonly graphs: readonly ResolvedFile[];
  /** Bytes of all of them on disk. */
  readonly graphBytes: number;
}
