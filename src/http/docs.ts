/** `/openapi.json`, the `/docs` page made of it, and `/docs/problems`, where the `type` of every problem leads. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { problemKinds } from './codes.js';
import { apiDescription, completeDocument } from './openapi.js';
import { docsPolicy } from './security.js';

/** Registered on the app itself, so that it sees the routes of every other plugin. */
export function documentRoutes(app: FastifyInstance): void {
  app.register(swagger, {
    openapi: apiDescription,
    transform: jsonSchemaTransform,
    transformObject: (document) =>
      completeDocument(jsonSchemaTransformObject(document) as Parameters<typeof completeDocument>[0]),
  });
  app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: docsPolicy,
    uiConfig: { deepLinking: true, displayRequestDuration: true, tryItOutEnabled: true },
    theme: { title: 'img2img-turbo-server API' },
    validatorUrl: false,
  });
  app.after(() => {
    app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
    const page = problemsPage();
    app.get('/docs/problems', { schema: { hide: true } }, (_request, reply) =>
      reply.type('text/html; charset=utf-8').send(page),
    );
  });
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const escapeHtml = (text: string) => text.replace(/[&<>]/g, (character) => escapes[character] ?? character);

function problemsPage(): string {
  const sections = Object.entries(problemKinds)
    // This one stops the start; nobody is ever answered with it.
    .filter(([code]) => code !== 'invalid_config')
    .map(
      ([code, { status, title, help }]) => `<section id="${code.replaceAll('_', '-')}">
<h2>${escapeHtml(title)}</h2>
<p>Status ${status}, code <code>${code}</code></p>
<p>${escapeHtml(help)}</p>
</section>`,
    );
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><link rel="icon" href="data:,"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Problems</title></head>
<body>
<h1>Problems</h1>
<p>Every error is answered as <code>application/problem+json</code> (RFC 9457); its <code>type</code> leads here.</p>
${sections.join('\n')}
</body>
</html>
`;
}
