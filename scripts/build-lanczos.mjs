// Assembles src/images/lanczos.wat into src/images/lanczos-wasm.ts. Only needed after a change of the former: the
// latter is committed, so that a build needs no assembler. `npx` fetches wabt's on first use.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const images = fileURLToPath(new URL('../src/images/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'lanczos-'));
const module = join(folder, 'lanczos.wasm');
try {
  const assembler = ['--yes', '--package', 'wabt@1.0.39', 'wat2wasm'];
  execFileSync('npx', [...assembler, join(images, 'lanczos.wat'), '-o', module], { stdio: 'inherit' });
  const lines =
    readFileSync(module)
      .toString('base64')
      .match(/.{1,100}/g) ?? [];
  writeFileSync(
    join(images, 'lanczos-wasm.ts'),
    [
      '/** lanczos.wat assembled, in base64; written by scripts/build-lanczos.mjs, not by hand. */',
      'export const lanczosWasm = [',
      ...lines.map((line) => `  '${line}',`),
      "].join('');",
      '',
    ].join('\n'),
  );
  console.log(`wrote ${lines.join('').length} characters of base64 to src/images/lanczos-wasm.ts`);
} finally {
  rmSync(folder, { recursive: true });
}
