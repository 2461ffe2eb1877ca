/** The schema of a bundle's `manifest.json`: the contract between the exporter, the server and the engine. */
import { z } from 'zod';
import { defaultThresholds } from '../images/conditioning.js';

/** Where a bundle keeps one file. Paths are relative to the manifest; `../shared/…` names a file several bundles use. */
const fileSchema = z.strictObject({
  path: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits'),
  bytes: z.int().nonnegative(),
});

/** An ONNX graph. Weights above 2 GB (and any the exporter chose to keep aside) lie in `external_data` files beside it. */
const graphSchema = fileSchema.extend({
  external_data: z.array(fileSchema).default([]),
});

/**
 * One graph from picture to picture.
 * `image` uint8 [B,H,W,3], `text_embedding` float32 [B,L,D], `noise` float32 [B,4,H/8,W/8], `gamma` float32 [B]
 * → `image` uint8 [B,H,W,3]. A deterministic bundle has no `gamma` input.
 */
const fusedGraphsSchema = z.strictObject({ translator: graphSchema });

/**
 * The same weights in three graphs.
 * `vae_encoder` (image, [noise] → latent, skip_0..3) · `unet` (latent, text_embedding, [noise, gamma] → denoised) ·
 * `vae_decoder` (denoised, skip_0..3, [gamma] → image). A tensor keeps its name from graph to graph, so the engine
 * feeds every graph what its inputs name.
 */
const stagedGraphsSchema = z.strictObject({
  vae_encoder: graphSchema,
  unet: graphSchema,
  vae_decoder: graphSchema,
});

const directionShape = {
  /** What a request's `direction` field says, for example `day_to_night`; a pix2pix-Turbo bundle has exactly one. */
  id: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, 'must be lower-case letters, digits, "_" or "-"'),
  title: z.string().min(1),
  /** The prompt of a bundle whose prompt policy is `fixed`. */
  prompt: z.string().optional(),
};

const conditioningSchema = z
  .strictObject({
    /**
     * What the graph's `image` input holds.
     * `sketch`: strokes 255 on 0, three equal channels (the graph thresholds at 0.5);
     * `edge`: Canny edges 255 on 0; `image`: the RGB picture itself.
     */
    kind: z.enum(['sketch', 'edge', 'image']),
    /** The range the graph maps 0..255 to before its first convolution; for information, the mapping is in the graph. */
    range: z.tuple([z.number(), z.number()]),
    /** Canny thresholds used when a request names none; only for `edge`. */
    low_threshold: z.int().min(0).max(1000).optional(),
    high_threshold: z.int().min(0).max(1000).optional(),
  })
  .superRefine(({ kind, low_threshold, high_threshold }, context) => {
    const low = low_threshold ?? defaultThresholds.low;
    const high = high_threshold ?? defaultThresholds.high;
    if (kind !== 'edge' || low <= high) return;
    const defaults = `${defaultThresholds.low} and ${defaultThresholds.high} where they are not given`;
    context.addIssue({
      code: 'custom',
      message: `low_threshold ${low} is above high_threshold ${high} (${defaults})`,
    });
  });

const promptPolicySchema = z.discriminatedUnion('policy', [
  /** The request says the prompt; `template` is applied where the request names no style. */
  z.strictObject({
    policy: z.literal('free'),
    template: z.string().includes('{prompt}', { message: 'must contain {prompt}' }).optional(),
    /** A prompt that shows this bundle well; the studio and the docs start with it. */
    example: z.string().optional(),
  }),
  /** Each direction brings its own prompt, and a request may not. */
  z.strictObject({ policy: z.literal('fixed') }),
]);

const sizeSchema = z
  .strictObject({
    /** Width and height the model was trained at, in pixels; what a request gets that names no size. */
    native: z.tuple([z.int().positive(), z.int().positive()]),
    /** Whether other sizes run at all. */
    dynamic: z.boolean(),
    /** Width and height must be multiples of this. */
    multiple_of: z.int().positive(),
    /** The shortest and longest side allowed where `dynamic`. */
    min: z.int().positive().default(64),
    max: z.int().positive().default(2048),
  })
  .refine((size) => size.native.every((side) => side % size.multiple_of === 0), {
    message: 'native size must be a multiple of multiple_of',
  })
  .superRefine(({ native, dynamic, min, max }, context) => {
    const problem = (message: string) => context.addIssue({ code: 'custom', message });
    if (min > max) problem(`min ${min} is above max ${max}`);
    // Where no other size runs there is nothing to lie between.
    else if (dynamic && native.some((side) => side < min || side > max)) {
      problem(`native size ${native.join('x')} does not lie between min ${min} and max ${max}`);
    }
  });

const common = {
  schema: z.literal(1),
  id: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, 'must be lower-case letters, digits, "_" or "-"'),
  title: z.string().min(1),
  description: z.string().default(''),
  family: z.enum(['pix2pix-turbo', 'cyclegan-turbo']),
  conditioning: conditioningSchema,
  prompt: promptPolicySchema,
  /**
   * Stochastic bundles take `gamma` and a noise map; the seed of a deterministic one only moves the VAE posterior:
   * day-night's pictures of two seeds differ by 0.03 grey levels in the mean, and by 7 at most (four seeds of two streets).
   */
  stochastic: z.boolean(),
  /** Gamma (sketch guidance, 0–1) used when a request names none; stochastic bundles only. */
  default_gamma: z.number().min(0).max(1).optional(),
  size: sizeSchema,
  precision: z.enum(['fp32', 'fp16']),
  /** Which provider's operators the graphs are made of; a `cuda` bundle does not run on the CPU. */
  target: z.enum(['cpu', 'cuda']).default('cpu'),
  text_encoder: graphSchema,
  tokenizer: fileSchema.extend({
    /** Every prompt becomes exactly this many ids: truncated, or padded with `pad_id`. */
    max_length: z.int().positive(),
    pad_id: z.int().nonnegative(),
  }),
  /** Shape of one prompt's `text_embedding`, [length, width], float32. */
  embedding: z.strictObject({ length: z.int().positive(), width: z.int().positive() }),
  /** Shape of the latent that `noise` must match: [channels, H/downscale, W/downscale]. */
  latent: z.strictObject({ channels: z.int().positive(), downscale: z.int().positive() }),
  /** Batch sizes worth running, ascending; a device that must not see other shapes pads up to them. */
  preferred_batch_sizes: z.array(z.int().positive()).min(1).default([1, 2, 4, 8]),
  licence: z.strictObject({ weights: z.string(), data: z.string().optional() }),
  /** Where the weights come from: a name, a URL or a sentence. */
  origin: z.string(),
};

/** A bundle's manifest, version 1. Unknown keys are refused so that a typing error cannot pass as a default. */
export const manifestSchema = z
  .discriminatedUnion('layout', [
    z.strictObject({
      ...common,
      layout: z.literal('fused'),
      directions: z.array(z.strictObject({ ...directionShape, graphs: fusedGraphsSchema })).min(1),
    }),
    z.strictObject({
      ...common,
      layout: z.literal('staged'),
      directions: z.array(z.strictObject({ ...directionShape, graphs: stagedGraphsSchema })).min(1),
    }),
  ])
  .superRefine((manifest, context) => {
    const problem = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    if (manifest.stochastic && manifest.default_gamma === undefined) {
      problem(['default_gamma'], 'is required for a stochastic bundle');
    }
    if (manifest.family === 'pix2pix-turbo' && manifest.directions.length !== 1) {
      problem(['directions'], 'a pix2pix-turbo bundle has exactly one direction');
    }
    manifest.directions.forEach((direction, index) => {
      if (manifest.prompt.policy === 'fixed' && direction.prompt === undefined) {
        problem(['directions', index, 'prompt'], 'is required where the prompt policy is fixed');
      }
      if (manifest.directions.findIndex((other) => other.id === direction.id) !== index) {
        problem(['directions', index, 'id'], `"${direction.id}" stands twice`);
      }
    });
    const sizes = manifest.preferred_batch_sizes;
    if (sizes.some((size, index) => index > 0 && size <= (sizes[index - 1] ?? 0))) {
      problem(['preferred_batch_sizes'], 'must ascend');
    }
    const { multiple_of: multiple } = manifest.size;
    const { downscale } = manifest.latent;
    if (multiple % downscale !== 0) {
      problem(
        ['size', 'multiple_of'],
        `size.multiple_of ${multiple} is no multiple of latent.downscale ${downscale}`,
      );
    }
    if (manifest.embedding.length !== manifest.tokenizer.max_length) {
      problem(['embedding', 'length'], 'must equal tokenizer.max_length');
    }
  });

export type Manifest = z.infer<typeof manifestSchema>;
export type BundleFile = z.infer<typeof fileSchema>;
export type Graph = z.infer<typeof graphSchema>;
export type Direction = Manifest['directions'][number];
