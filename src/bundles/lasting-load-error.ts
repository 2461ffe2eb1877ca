/** The bundle cannot be loaded, however often it is tried: as it is, or on this device. */
export class LastingLoadError extends Error {
  override readonly name = 'LastingLoadError';
}
