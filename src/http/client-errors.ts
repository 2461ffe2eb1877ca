/** Answers what Node itself refuses: what is no HTTP, does not arrive in time, or expects what there is not. */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpCode } from './codes.js';
import { HttpError, PROBLEM_MEDIA_TYPE, toProblem } from './problem.js';

const codes: Record<string, HttpCode> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
};

/** Milliseconds in which a client may send on into nothing, so that it comes to read why it was refused. */
const GRACE_MS = 3_000;

export class ClientErrors {
  readonly #latest = new WeakMap<Socket, ServerResponse>();

  /** Takes note of the newest answer of each connection: whether one has begun decides what can still be said. */
  watch(server: Server): void {
    server.on('request', (request, response) => this.#latest.set(request.socket, response));
    // Node itself would answer without a body.
    server.on('checkExpectation', (_request, response) => refuseExpectation(response));
  }

  /** For Node's `clientError`. */
  answer(error: Error & { code?: string }, socket: Socket): void {
    if (error.code === 'ECONNRESET' || !socket.writable || this.#isAnswering(socket)) {
      socket.destroy();
      return;
    }
    socket.end(problemResponse(codes[error.code ?? ''] ?? 'bad_request'));
    // The request must not be completed and begun after all. (A listener takes the bytes away from Node's parser.)
    socket.removeAllListeners('data');
    socket.on('data', () => {});
    socket.resume();
    // A client that neither reads nor hangs up would keep what its request holds.
    const cut = setTimeout(() => socket.destroy(), GRACE_MS).unref();
    socket.once('close', () => clearTimeout(cut));
  }

  /** Whether the head of an answer is out that this could be taken for a part of, or for the answer to what follows. */
  #isAnswering(socket: Socket): boolean {
    const response = this.#latest.get(socket);
    if (response === undefined || !response.headersSent) return false;
    return !response.req.complete || !response.writableFinished;
  }
}

function refuseExpectation(response: ServerResponse): void {
  const detail = 'This server meets no expectation but 100-continue.';
  const { status, document } = toProblem(new HttpError('expectation_failed', detail));
  response.writeHead(status, { 'Content-Type': PROBLEM_MEDIA_TYPE, Connection: 'close' });
  response.end(JSON.stringify(document));
}

function problemResponse(code: HttpCode): Buffer {
  const detail = {
    request_timeout: 'The request did not arrive whole in time.',
    headers_too_large: 'The request’s headers are too large.',
    bad_request: 'This is not a valid HTTP request.',
  }[code as 'request_timeout' | 'headers_too_large' | 'bad_request'];
  const { status, document } = toProblem(new HttpError(code, detail));
  const body = Buffer.from(JSON.stringify(document));
  const head = [
    `HTTP/1.1 ${status} ${document.title}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${body.length}`,
    'Connection: close',
    '\r\n',
  ].join('\r\n');
  return Buffer.concat([Buffer.from(head), body]);
}
