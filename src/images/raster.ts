/** The one shape in which decoded pixels travel between the parts of the server. */

/** 8-bit sRGB pixels, `width * height * 3` bytes, row by row, red first: the [H,W,3] that a graph's `image` takes. */
export interface Raster {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A rectangle in pixels; `left` and `top` may be fractions where it is cut by resampling. */
export interface Box extends Size {
  readonly left: number;
  readonly top: number;
}
