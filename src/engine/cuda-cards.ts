/** The CUDA cards of this machine, counted as an engine counts them. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface CudaCard {
  /** CUDA's: what `cuda:1` means. */
  index: number;
  /** Absent where it cannot be told which card this is, or how much of one. */
  memoryBytes?: number;
}

/** Cards, or slices of one (MIG), as the driver tells of them. */
interface Listed {
  uuid: string;
  memoryBytes?: number;
}

export interface CudaListing {
  /** In the order of the PCI bus. */
  cards: readonly Listed[];
  slices: readonly Listed[];
}

type Environment = Record<string, string | undefined>;

const PCI_ORDER = 'PCI_BUS_ID';

/** An engine's environment: CUDA counts the fastest card first where nobody says otherwise, and the driver by the bus. */
export function cudaEnvironment(environment: Environment): Environment {
  return { ...environment, CUDA_DEVICE_ORDER: environment.CUDA_DEVICE_ORDER || PCI_ORDER };
}

/** The CUDA cards an engine would see, none where there is no driver. */
export async function listCudaCards(environment: Environment = process.env): Promise<CudaCard[]> {
  const ask = async (...query: string[]): Promise<string> =>
    (await promisify(execFile)('nvidia-smi', query, { timeout: 10_000 })).stdout;
  try {
    const fields = '--query-gpu=uuid,memory.total,mig.mode.current';
    const cards = readCards(await ask(fields, '--format=csv,noheader,nounits'));
    const named = environment.CUDA_VISIBLE_DEVICES?.includes('MIG-') ?? false;
    return visibleCards({ cards, slices: named ? readSlices(await ask('-L')) : [] }, environment);
  } catch {
    return [];
  }
}

/** @param csv a card a line: uuid, mebibytes, whether it is sliced, and so seen in part only */
export function readCards(csv: string): Listed[] {
  const lines = csv.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [uuid = '', mebibytes, sliced] = line.split(',').map((cell) => cell.trim());
    const memoryBytes = Number(mebibytes) * 2 ** 20;
    return memoryBytes > 0 && sliced !== 'Enabled' ? { uuid, memoryBytes } : { uuid };
  });
}

/** @param list of `nvidia-smi -L`, where a slice's name ends in its gigabytes: `MIG 1c.3g.20gb Device 0: (UUID: MIG-…)` */
export function readSlices(list: string): Listed[] {
  const slices = list.matchAll(/MIG \S*?(\d+)gb\S*\s+Device\s+\d+:\s+\(UUID: (MIG-[^)\s]+)\)/g);
  return [...slices].map(([, gigabytes, uuid = '']) => ({ uuid, memoryBytes: Number(gigabytes) * 1e9 }));
}

/**
 * The cards that CUDA shows, numbered by their place in `CUDA_VISIBLE_DEVICES`, of which the driver's list knows nothing.
 * https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables
 */
export function visibleCards({ cards, slices }: CudaListing, environment: Environment): CudaCard[] {
  const { CUDA_VISIBLE_DEVICES: visible, CUDA_DEVICE_ORDER: order } = cudaEnvironment(environment);
  const known = order === PCI_ORDER ? cards : cards.map(() => smallest(cards));
  const named = visible === undefined ? known : byName(visible.split(','), known, [...cards, ...slices]);
  return named.map(({ memoryBytes }, index) =>
    memoryBytes === undefined ? { index } : { index, memoryBytes },
  );
}

function byName(names: string[], counted: readonly Listed[], all: readonly Listed[]): Listed[] {
  const found: Listed[] = [];
  for (const name of names.map((name) => name.trim())) {
    const card = /^-?\d*$/.test(name) ? counted[Number(name || -1)] : byId(name, all);
    // CUDA shows none from the first one on that there is not.
    if (card === undefined) break;
    found.push(card);
  }
  return found;
}

/** @param id as many characters of it as tell it from the others @returns undefined where it is no card's */
function byId(id: string, all: readonly Listed[]): Listed | undefined {
  const [first, ...others] = all.filter(({ uuid }) => uuid.startsWith(id));
  if (first !== undefined && others.length === 0) return first;
  // A form that is not known here may be known to CUDA.
  return id.startsWith('GPU-') ? undefined : { uuid: id };
}

/** Stands for a card that may be any of them. */
function smallest(cards: readonly Listed[]): Listed {
  const memoryBytes = Math.min(...cards.map((card) => card.memoryBytes ?? 0));
  return memoryBytes > 0 ? { uuid: '', memoryBytes } : { uuid: '' };
}
