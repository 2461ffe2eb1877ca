/** cv2's Canny, by OpenCV itself as WASM. Loading it takes 0.3 s of CPU, so only a worker imports this file. */
import { createRequire } from 'node:module';
import type { Raster } from './raster.js';

/** What is used of OpenCV; the package's own types are wider than its exports. */
interface Mat {
  readonly data: Uint8Array;
  delete(): void;
}
interface OpenCv {
  readonly Mat: { new (): Mat; new (rows: number, columns: number, type: number): Mat };
  readonly CV_8UC3: number;
  Canny(image: Mat, edges: Mat, low: number, high: number, apertureSize: number, l2gradient: boolean): void;
  onRuntimeInitialized?: () => void;
}

export type Canny = (picture: Raster, lowThreshold: number, highThreshold: number) => Uint8Array;

/**
 * Gives the function that the reference calls as `cv2.Canny(rgb, low, high)`: aperture 3, L1 norm, and for three
 * channels the strongest gradient of them at each pixel. Its result is [H,W], edges 255 on 0.
 */
export async function loadCanny(): Promise<Canny> {
  const { cv } = await loadOpenCv();
  return (picture, lowThreshold, highThreshold) => {
    const source = new cv.Mat(picture.height, picture.width, cv.CV_8UC3);
    const edges = new cv.Mat();
    try {
      source.data.set(picture.data);
      cv.Canny(source, edges, lowThreshold, highThreshold, 3, false);
      // A copy: `edges.data` is a view of WASM memory.
      return edges.data.slice();
    } finally {
      source.delete();
      edges.delete();
    }
  };
}

/** Wrapped, because OpenCV's module has a `then` of its own: a promise that resolved to it would never settle. */
async function loadOpenCv(): Promise<{ cv: OpenCv }> {
  const cv = createRequire(import.meta.url)('@techstark/opencv-js') as OpenCv;
  if (typeof cv.Mat !== 'function') {
    await new Promise<void>((resolve) => {
      cv.onRuntimeInitialized = resolve;
    });
  }
  return { cv };
}
