/** Runs a bundle's graphs from conditioning images to pictures; reads top to bottom like the paper. */
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { DirectionGraphs, GraphFile } from '../bundles/bundle.js';
import { contractData } from './graph-contract.js';
import type { BundleSpec } from './protocol.js';

/** The graph contract's inputs, by name. */
export interface PipelineInputs {
  /** uint8 [B,H,W,3] */
  image: Tensor;
  /** float32 [B,L,D] */
  text_embedding: Tensor;
  /** float32 [B,C,H/downscale,W/downscale] */
  noise: Tensor;
  /** float32 [B] */
  gamma: Tensor;
}

/** A direction's graphs in the order they run: one for `fused`, three for `staged`. */
export type Pipeline = readonly InferenceSession[];

export function graphsInOrder(graphs: DirectionGraphs): GraphFile[] {
  return graphs.layout === 'fused'
    ? [graphs.translator]
    : [graphs.vae_encoder, graphs.unet, graphs.vae_decoder];
}

/**
 * Runs the graphs one after another. Tensors carry their names from graph to graph (`latent`, `skip_0`…`skip_3`,
 * `denoised`), so a graph is fed whatever its inputs name and nothing else: a deterministic bundle's has no `gamma`.
 * @returns uint8 [B,H,W,3]
 * @throws Error when a graph names an input nobody made, or the last one's picture is not like the images
 */
export async function runPipeline(pipeline: Pipeline, inputs: PipelineInputs): Promise<Uint8Array> {
  const tensors: Record<string, Tensor> = { ...inputs };
  let picture: Tensor | undefined;
  for (const session of pipeline) {
    const feeds: Record<string, Tensor> = {};
    for (const name of session.inputNames) {
      const tensor = tensors[name];
      if (tensor === undefined) {
        throw new Error(`the graph wants an input "${name}" that the graph contract does not have`);
      }
      feeds[name] = tensor;
    }
    const outputs = await session.run(feeds);
    Object.assign(tensors, outputs);
    // ONNX values have one name each, so the last graph's picture cannot be called "image" like its input.
    picture = outputs[session.outputNames[0] ?? ''];
  }
  if (picture === undefined) throw new Error('the last graph gave no picture');
  return contractData(picture, 'the picture', 'uint8', inputs.image.dims);
}

/**
 * The last hidden state of the prompts.
 * @param tokens int64 [B,L]
 * @returns float32 [B,L,D]
 * @throws Error when the text encoder gives something else
 */
export async function encodePrompts(
  textEncoder: InferenceSession,
  tokens: BigInt64Array,
  { length, width }: BundleSpec['embedding'],
): Promise<Float32Array> {
  const prompts = tokens.length / length;
  const input = new Tensor('int64', tokens, [prompts, length]);
  const { text_embedding: embedding } = await textEncoder.run({ input_ids: input });
  if (embedding === undefined) throw new Error('the text encoder gave no "text_embedding"');
  return contractData(embedding, 'the "text_embedding"', 'float32', [prompts, length, width]);
}
