/** A request as Node's parser makes it, which asks for an upgrade only where it asks for a WebSocket. */
import { IncomingMessage } from 'node:http';

/** What the parser said. Not a private field: the base constructor sets `upgrade` before a subclass has any. */
const offered = Symbol('offered');

/**
 * A server may ignore an Upgrade that it does not speak (RFC 9110, 7.8), and clients count on it: `curl --http2` and
 * Java's HttpClient offer `h2c` with their first request. Once anyone listens for upgrades Node takes every one, but it
 * asks `upgrade` first. (As in any Node server, what is pipelined behind an ignored offer in the same packet is lost.)
 */
export class IncomingRequest extends IncomingMessage {
  declare [offered]: boolean | null;

  /** The parser sets it before the headers are there and asks when they are. */
  get upgrade(): boolean {
    if (this[offered] !== true) return false;
    return this.method === 'CONNECT' || this.headers.upgrade?.toLowerCase() === 'websocket';
  }

  set upgrade(value: boolean | null) {
    this[offered] = value;
  }
}
