/** Builds the studio: src/web → dist/web, static files with hashed names that the server serves as they are. */
import { defineConfig } from 'vite';

export default defineConfig({
  root: 'src/web',
  // Relative, so that the studio also works behind a proxy that serves it under a path.
  base: './',
  publicDir: 'public',
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    // Inlined assets would be data: URLs, which the Content-Security-Policy has no reason to allow for all kinds.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: true,
    reportCompressedSize: false,
  },
});
