/** What a WebSocket handshake must say; ws itself would answer one at fault in HTML, and unseen by log and metrics. */
import type { FastifyRequest } from 'fastify';
import { HttpError } from '../problem.js';

/** 16 bytes in base64 (RFC 6455, 4.1). */
const KEY = /^[+/0-9A-Za-z]{22}==$/;
/** Those ws speaks: the RFC's own, and that of the last drafts before it. */
const VERSIONS = [13, 8];
/** A token of RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** @throws HttpError `upgrade_required` where it is no handshake or one of another version, `bad_request` where it is at fault */
export function checkHandshake({ ws, method, headers }: FastifyRequest): void {
  const upgrade = { Upgrade: 'websocket', Connection: 'Upgrade' };
  if (!ws || method !== 'GET') {
    throw new HttpError('upgrade_required', 'This route speaks WebSocket only.', { headers: upgrade });
  }
  if (!VERSIONS.includes(Number(headers['sec-websocket-version']))) {
    throw new HttpError('upgrade_required', 'Sec-WebSocket-Version must be 13.', {
      headers: { ...upgrade, 'Sec-WebSocket-Version': VERSIONS.join(', ') },
    });
  }
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) {
    throw new HttpError('bad_request', 'Sec-WebSocket-Key must be 16 bytes in base64.');
  }
  const protocols = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? [];
  if (!protocols.every((name) => TOKEN.test(name)) || new Set(protocols).size < protocols.length) {
    throw new HttpError('bad_request', 'Sec-WebSocket-Protocol must be a list of different names.');
  }
}
