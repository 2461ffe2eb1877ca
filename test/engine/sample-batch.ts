/** A batch for an engine, of drawings that no two samples share. */
import type { Bundle } from '../../src/bundles/bundle.js';
import type { BatchSpec } from '../../src/engine/protocol.js';

/** Samples that differ in everything: picture, tokens, seed and gamma. */
export function batch(bundle: Bundle, samples: number[], size?: [number, number]): BatchSpec {
  const [width, height] = size ?? bundle.manifest.size.native;
  const length = bundle.manifest.tokenizer.max_length;
  const images = new Uint8Array(samples.length * width * height * 3);
  const tokens = new BigInt64Array(samples.length * length);
  samples.forEach((sample, i) => {
    for (let p = 0; p < width * height; p++) {
      const stroke = (p + sample * 7) % (11 + sample) === 0 ? 255 : 0;
      images.fill(stroke, (i * width * height + p) * 3, (i * width * height + p) * 3 + 3);
    }
    for (let t = 0; t < 5; t++) tokens[i * length + t] = BigInt(1 + ((sample * 13 + t) % 100));
  });
  return {
    bundle: bundle.id,
    direction: [...bundle.directions.keys()][0] ?? '',
    width,
    height,
    images,
    tokens,
    seeds: Int32Array.from(samples, (sample) => sample * 1_000 - 3),
    gammas: Float32Array.from(samples, (sample) => (sample % 5) / 4),
    runSize: samples.length,
  };
}
