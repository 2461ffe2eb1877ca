/** Finds out whether a provider really works here, by running the smallest graph that needs all of it. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { EngineSettings } from './protocol.js';
import { sessionOptions } from './sessions.js';

/**
 * ModelProto { ir_version 8, opset 17, graph "p": Conv(x, w) → y, all float32 [1,1,1,1], w = 2 }. A provider's library is only
 * loaded when a session is made, and cuDNN, since ONNX Runtime 1.30, only when a convolution runs.
 */
const CONVOLUTION = Uint8Array.from(
  Buffer.from(
    '08083a630a0f0a01780a01771201792204436f6e761201702a130801080108010801100122040000004042' +
      '01775a1b0a017812160a14080112100a0208010a0208010a0208010a020801621b0a017912160a14080112' +
      '100a0208010a0208010a0208010a02080142040a001011',
    'hex',
  ),
);

/** @throws Error of ONNX Runtime saying why the provider cannot be had, or that it computes nonsense */
export async function probeProvider(settings: EngineSettings): Promise<void> {
  const session = await InferenceSession.create(CONVOLUTION, sessionOptions(settings));
  try {
    const { y } = await session.run({ x: new Tensor('float32', [3], [1, 1, 1, 1]) });
    if (y?.data[0] !== 6) throw new Error(`A convolution that gives 6 gave ${y?.data[0]}.`);
  } finally {
    await session.release();
  }
}
