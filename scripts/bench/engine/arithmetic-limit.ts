/** How much arithmetic the device does a second at most, measured: large matrix products through the same runtime. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { EngineSettings } from '../../../src/engine/protocol.js';
import { sessionOptions } from '../../../src/engine/sessions.js';
import { median } from '../statistics.js';
import { model, node, tensor, tensorAttribute, value } from './onnx-bytes.js';

/**
 * x scales a constant matrix that then goes through a chain of products, so that only scalars cross to the device and
 * back: A₀ = C·x, Aᵢ = Aᵢ₋₁·C, and the mean of the last. C is 1/side everywhere, which keeps the numbers as they are.
 */
function chain(side: number, products: number, half: boolean): Buffer {
  const type = half ? 'float16' : 'float';
  const raw = Buffer.alloc(half ? 2 : 4);
  if (half) raw.writeUInt16LE((15 - Math.log2(side)) << 10);
  else raw.writeFloatLE(1 / side);
  const sides = Buffer.alloc(16);
  sides.writeBigInt64LE(BigInt(side), 0);
  sides.writeBigInt64LE(BigInt(side), 8);
  const nodes = [
    node('ConstantOfShape', ['shape'], 'c', tensorAttribute('value', tensor('v', type, [1], raw))),
    node('Mul', ['c', 'x'], 'a0'),
  ];
  for (let i = 1; i <= products; i++) nodes.push(node('MatMul', [`a${i - 1}`, 'c'], `a${i}`));
  nodes.push(node('ReduceMean', [`a${products}`], 'y'));
  return model({
    nodes,
    inputs: [value('x', type, [1])],
    outputs: [value('y', type, [1, 1])],
    initializers: [tensor('shape', 'int64', [2], sides)],
  });
}

/** @returns floating point operations a second */
export async function arithmeticLimit(settings: EngineSettings, half: boolean): Promise<number> {
  const cpu = settings.provider === 'cpu';
  const side = cpu ? 1024 : 8192;
  const products = cpu ? 4 : 16;
  const session = await InferenceSession.create(chain(side, products, half), sessionOptions(settings));
  const x = half
    ? new Tensor('float16', new Uint16Array([0x3c00]), [1])
    : new Tensor('float32', new Float32Array([1]), [1]);
  const times: number[] = [];
  for (let i = 0; i < 12; i++) {
    const start = performance.now();
    await session.run({ x });
    times.push((performance.now() - start) / 1000);
  }
  await session.release();
  return (2 * side ** 3 * products) / median(times.slice(2));
}
