/** Something between the browser and the server, as the world has it: lines that die without a word, proxies set up badly. */
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

export class Relay {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();

  /**
   * @param target of which the port counts; everything is on this machine
   * @param rewrite changes what goes to the server
   */
  static async open(target: string, rewrite = (text: string) => text): Promise<Relay> {
    const relay = new Relay(Number(new URL(target).port), rewrite);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  private constructor(port: number, rewrite: (text: string) => string) {
    this.#server = createServer((near) => {
      const far = dial(port, '127.0.0.1');
      const pair = [near, far] as const;
      this.#pairs.add(pair);
      const rewriting = new Transform({
        transform: (chunk: Buffer, _, done) =>
          done(null, Buffer.from(rewrite(chunk.toString('latin1')), 'latin1')),
      });
      near.pipe(rewriting).pipe(far);
      far.pipe(near);
      for (const socket of pair) {
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#pairs.delete(pair);
          for (const each of pair) each.destroy();
        });
      }
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** What is connected now stays so, and nothing comes through it any more; new connections live. */
  killLines(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe();
      far.unpipe();
      near.resume();
      far.resume();
    }
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
