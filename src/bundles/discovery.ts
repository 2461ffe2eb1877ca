/** Finds the bundles of a folder and refuses, each with its reason, those that do not hold together. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { messageOf } from '../errors.js';
import type { Bundle, DirectionGraphs, GraphFile, ResolvedFile } from './bundle.js';
import { verifyFile } from './integrity.js';
import { type BundleFile, type Direction, type Graph, type Manifest, manifestSchema } from './manifest.js';
import { tokenizerOf } from './tokenizers.js';
import { withoutFolder } from './without-folder.js';

export type Discovered =
  | { status: 'ready'; bundle: Bundle }
  | { status: 'failed'; id: string; reason: string };

/** Reading and hashing more than this would hold up the start: such bundles are hashed when they are first loaded. */
const HASH_AT_DISCOVERY_BYTES = 256 * 2 ** 20;

/**
 * Every sub-folder with a `manifest.json` is a bundle; `shared/` and anything else is left alone.
 * @returns one entry a folder, ordered by id
 * @throws Error where `modelsDir` cannot be read, or is not there
 */
export async function discoverBundles(modelsDir: string): Promise<Discovered[]> {
  const root = path.resolve(modelsDir);
  const entries = await readdir(root, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new Error(`there is no folder ${root}`, { cause: error });
    throw error;
  });
  const folders = entries
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map((entry) => entry.name);
  const found = await Promise.all(folders.map((folder) => discoverOne(root, path.join(root, folder))));
  const discovered = found.filter((entry) => entry !== undefined);
  return refuseDuplicates(discovered.sort((a, b) => idOf(a).localeCompare(idOf(b))));
}

export function idOf(entry: Discovered): string {
  return entry.status === 'ready' ? entry.bundle.id : entry.id;
}

async function discoverOne(root: string, folder: string): Promise<Discovered | undefined> {
  const id = path.basename(folder);
  const failed = (reason: string): Discovered => ({
    status: 'failed',
    id,
    reason: withoutFolder(reason, root),
  });
  let text: string;
  try {
    text = await readFile(path.join(folder, 'manifest.json'), 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : failed(messageOf(error));
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return failed(`manifest.json is not JSON: ${messageOf(error)}`);
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) return failed(`manifest.json: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`);
  try {
    const bundle = resolveBundle(root, folder, parsed.data);
    await checkFiles(bundle);
    return { status: 'ready', bundle };
  } catch (error) {
    return failed(messageOf(error));
  }
}

function resolveBundle(root: string, folder: string, manifest: Manifest): Bundle {
  const resolve = (relative: string): string => {
    const absolute = path.resolve(folder, relative);
    if (absolute !== root && !absolute.startsWith(root + path.sep)) {
      throw new Error(`${relative} leads outside the models folder`);
    }
    return absolute;
  };
  const files = new Map<string, ResolvedFile>();
  const add = (file: BundleFile): string => {
    const absolute = resolve(file.path);
    files.set(absolute, { path: absolute, sha256: file.sha256, bytes: file.bytes });
    return absolute;
  };
  const addGraph = (graph: Graph): GraphFile => {
    for (const external of graph.external_data) add(external);
    return { path: add(graph), sha256: [graph, ...graph.external_data].map(({ sha256 }) => sha256).join() };
  };
  const directions = new Map(
    manifest.directions.map((direction) => [direction.id, resolveGraphs(direction, addGraph)] as const),
  );
  const textEncoder = addGraph(manifest.text_encoder);
  const graphs = [...files.values()];
  const tokenizerPath = add(manifest.tokenizer);
  return {
    id: manifest.id,
    folder,
    modelsDir: root,
    manifest,
    files: [...files.values()],
    tokenizerPath,
    textEncoder,
    directions,
    graphs,
    graphBytes: graphs.reduce((sum, file) => sum + file.bytes, 0),
  };
}

function resolveGraphs(direction: Direction, add: (graph: Graph) => GraphFile): DirectionGraphs {
  const { graphs } = direction;
  return 'translator' in graphs
    ? { layout: 'fused', translator: add(graphs.translator) }
    : {
        layout: 'staged',
        vae_encoder: add(graphs.vae_encoder),
        unet: add(graphs.unet),
        vae_decoder: add(graphs.vae_decoder),
      };
}

async function checkFiles(bundle: Bundle): Promise<void> {
  for (const file of bundle.files) {
    const name = path.relative(bundle.folder, file.path);
    const stats = await stat(file.path).catch(() => undefined);
    if (stats === undefined) throw new Error(`${name} is missing`);
    if (stats.size !== file.bytes) {
      throw new Error(`${name} has ${stats.size} bytes, the manifest says ${file.bytes}`);
    }
  }
  if (bundle.graphBytes <= HASH_AT_DISCOVERY_BYTES) await verifyBundle(bundle);
}

/**
 * Hashes every file of a bundle against its manifest, and builds its tokenizer, which its first request would wait for.
 * @throws LastingLoadError naming the first file that differs, or the tokenizer that is none; any other Error where a
 *   file cannot be read
 */
export async function verifyBundle(bundle: Bundle): Promise<void> {
  for (const file of bundle.files) await verifyFile(file, path.relative(bundle.folder, file.path));
  await tokenizerOf(bundle);
}

/** A bundle that none of the devices can run must not be the default, nor fail at its first request. */
export function refuseForeign(
  entries: readonly Discovered[],
  targets: ReadonlySet<Manifest['target']>,
): Discovered[] {
  return entries.map((entry) => {
    if (entry.status === 'failed' || targets.has(entry.bundle.manifest.target)) return entry;
    const { id, manifest } = entry.bundle;
    const reason = `its graphs are made for ${manifest.target}, which no device here runs`;
    return { status: 'failed', id, reason };
  });
}

/** Of several with one id, the bundle whose folder has that name stays, else the first: a copy never ousts the original. */
function refuseDuplicates(entries: Discovered[]): Discovered[] {
  const owners = new Map<string, Bundle>();
  for (const entry of entries) {
    if (entry.status !== 'ready') continue;
    const { bundle } = entry;
    if (!owners.has(bundle.id) || path.basename(bundle.folder) === bundle.id) owners.set(bundle.id, bundle);
  }
  return entries.map((entry) => {
    if (entry.status !== 'ready') return entry;
    const owner = owners.get(entry.bundle.id);
    if (owner === undefined || owner === entry.bundle) return entry;
    const reason = `the id "${entry.bundle.id}" is taken by ${path.basename(owner.folder)}`;
    return { status: 'failed', id: path.basename(entry.bundle.folder), reason };
  });
}
