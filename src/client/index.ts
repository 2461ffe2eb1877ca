/** `img2img-turbo-server/client`: live translation from a browser or Node, without the studio page. */
export type { Backoff } from './backoff.js';
export { ConfigurationRefused } from './configuration-refused.js';
export type { ImageFormat, Problem, StreamConfiguration, Timings, Warning } from './protocol.js';
export type { SocketConstructor, SocketLike } from './socket.js';
export { connect, Img2ImgStream } from './stream.js';
export type {
  DropReason,
  Frame,
  FrameSource,
  StreamError,
  StreamEvents,
  StreamOptions,
  StreamResult,
  StreamStatus,
} from './types.js';
