/** `GET /`: the studio as Vite built it, or a page that says how to build it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** `dist/web`, seen from `src/http` as well as from `dist/http`. */
export const STUDIO_FOLDER = fileURLToPath(new URL('../../dist/web', import.meta.url));

const NOT_BUILT = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><link rel="icon" href="data:,"><title>img2img-turbo-server</title></head>
<body>
<h1>img2img-turbo-server</h1>
<p>The server runs. Its drawing page is not built yet: run <code>npm run build</code> and start the server again.</p>
<p>The API is described at <a href="/docs">/docs</a>.</p>
</body>
</html>
`;

export async function studioRoutes(app: FastifyInstance, { folder }: { folder: string }): Promise<void> {
  if (!existsSync(`${folder}/index.html`)) {
    app.get('/', { schema: { hide: true } }, (_request, reply) =>
      reply.type('text/html; charset=utf-8').send(NOT_BUILT),
    );
    return;
  }
  await app.register(fastifyStatic, {
    root: folder,
    // A route for each file: whatever is not one of them is a 404 of ours.
    wildcard: false,
    cacheControl: false,
    setHeaders(reply, path) {
      // Vite puts a hash of the content into the names under assets/.
      const forever = path.startsWith(join(folder, 'assets'));
      reply.setHeader('Cache-Control', forever ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
}
