/** Gaussian noise from a seed: the same numbers for the same seed and shape, on every machine and in every batch. */

/**
 * Fills `out` with standard normal values of the seed's stream.
 *
 * The stream is Philox 4×32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), a counter-based
 * generator: block i of a seed gives four 32-bit words, Box–Muller makes four normals of them.
 * @param seed int32
 */
export function fillGaussian(out: Float32Array, seed: number): void {
  const words = new Uint32Array(4);
  for (let offset = 0, block = 0; offset < out.length; offset += 4, block++) {
    philox(words, block, seed >>> 0);
    for (let pair = 0; pair < 4 && offset + pair < out.length; pair += 2) {
      // +1 keeps the radius finite: the word 0 must not become log(0).
      const radius = Math.sqrt(-2 * Math.log(((words[pair] ?? 0) + 1) / 2 ** 32));
      const angle = ((words[pair + 1] ?? 0) / 2 ** 32) * 2 * Math.PI;
      out[offset + pair] = radius * Math.cos(angle);
      if (offset + pair + 1 < out.length) out[offset + pair + 1] = radius * Math.sin(angle);
    }
  }
}

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** One block of Philox 4×32-10: counter {block, 0, 0, 0} and key {key, 0} → four words. */
export function philox(words: Uint32Array, counter: number, key: number): void {
  let c0 = counter >>> 0;
  let c1 = 0;
  let c2 = 0;
  let c3 = 0;
  let k0 = key;
  let k1 = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/** The upper 32 bits of a 32×32-bit product, in numbers that stay below 2^53. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const cross = aLow * bHigh + (middle % 0x10000);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)) >>> 0;
}
