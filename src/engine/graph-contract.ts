/** What the graph contract promises of the tensors that graphs give. */
import type { Tensor } from 'onnxruntime-node';

/** The type that JavaScript has for a tensor's data, by the tensor's. */
interface DataOf {
  float32: Float32Array;
  uint8: Uint8Array;
}

/**
 * The data of a graph's output, if it is what the contract says. An export of another type or shape would run all the
 * same, and the bytes of a float32 picture would be sent for pixels.
 * @param what the contract calls it
 * @throws Error that says what was found and what is wanted
 */
export function contractData<T extends keyof DataOf>(
  tensor: Tensor,
  what: string,
  type: T,
  dims: readonly number[],
): DataOf[T] {
  const wanted = `${type} [${dims.join(',')}]`;
  const found = `${tensor.type} [${tensor.dims.join(',')}]`;
  if (found !== wanted) throw new Error(`${what} is ${found}, and the graph contract wants ${wanted}`);
  return tensor.data as DataOf[T];
}
