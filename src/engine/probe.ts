/** Finds out whether a provider really works here, by making a session of the smallest graph there is. */
import { InferenceSession } from 'onnxruntime-node';
import type { EngineSettings } from './protocol.js';
import { sessionOptions } from './sessions.js';

/**
 * ModelProto { ir_version 8, opset 17, graph "p": Identity(x) → y, both float32 [1] }, encoded by hand: a provider's
 * library is only loaded when a session is made, and a session wants a graph.
 */
const IDENTITY_GRAPH = Uint8Array.from(
  Buffer.from(
    '08083a370a100a017812017922084964656e746974791201705a0f0a0178120a0a08080112040a02080162' +
      '0f0a0179120a0a08080112040a02080142021011',
    'hex',
  ),
);

/** @throws Error of ONNX Runtime saying why the provider cannot be had */
export async function probeProvider(settings: EngineSettings): Promise<void> {
  const session = await InferenceSession.create(IDENTITY_GRAPH, sessionOptions(settings));
  await session.release();
}
