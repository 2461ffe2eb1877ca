/** Operations as something that can be stored: pictures by what they are encoded as (`P`), all else as it is. */
import type { Operation, Picture, Replace } from './document.js';

export type Packed<P> =
  | Exclude<Operation, Picture | Replace>
  | (Omit<Picture, 'bitmap'> & { data: P })
  | (Omit<Replace, 'operations'> & { operations: Packed<P>[] });

/** Without pictures of which there is no data, because they cannot be encoded: the rest must not be lost with them. */
export function pack<P>(
  operations: readonly Operation[],
  dataOf: (bitmap: ImageBitmap) => P | undefined,
): Packed<P>[] {
  return operations.flatMap((operation): Packed<P> | Packed<P>[] => {
    if (operation.kind === 'replace') return { ...operation, operations: pack(operation.operations, dataOf) };
    if (operation.kind !== 'picture') return operation;
    const { bitmap, ...rest } = operation;
    const data = dataOf(bitmap);
    return data === undefined ? [] : { ...rest, data };
  });
}

/** Without pictures that cannot be decoded. */
export async function unpack<P>(
  packed: readonly Packed<P>[],
  decode: (data: P) => Promise<ImageBitmap>,
): Promise<Operation[]> {
  const unpackOne = async (each: Packed<P>): Promise<Operation> => {
    if (each.kind === 'replace') return { ...each, operations: await unpack(each.operations, decode) };
    if (each.kind !== 'picture') return each;
    const { data, ...rest } = each;
    return { ...rest, bitmap: await decode(data) };
  };
  const operations = await Promise.all(packed.map((each) => unpackOne(each).catch(() => [])));
  return operations.flat();
}
