/** The headers that tell browsers what our pages may do: load from here, and nothing from anywhere else. */
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

type Directives = Record<string, string[]>;

const directives: Directives = {
  'default-src': ["'self'"],
  'base-uri': ["'none'"],
  'object-src': ["'none'"],
  'frame-ancestors': ["'none'"],
  'form-action': ["'self'"],
  // Drawings and results are blobs and data URIs.
  'img-src': ["'self'", 'blob:', 'data:'],
};

/** Swagger UI writes style attributes and carries its icons as data URIs; it needs nothing else beyond our own policy. */
export const docsPolicy: Directives = { ...directives, 'style-src': ["'self'", "'unsafe-inline'"] };

/** Registered on the app itself, so that every plugin's answers carry them. */
export function securityHeaders(app: FastifyInstance): void {
  app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives },
    // We speak plain HTTP; whoever puts TLS before us says this for the host.
    strictTransportSecurity: false,
    // Browsers ignore this one on plain HTTP, and complain about it in the console.
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    referrerPolicy: { policy: 'no-referrer' },
  });
}
