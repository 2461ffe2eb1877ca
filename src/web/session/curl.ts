/** The same translation as a shell command that works where it is pasted: the sketch travels in it, as base64. */
import type { StreamConfiguration } from '../../client/index.js';

const LINE = 76;

/**
 * One POSIX shell command: no file is needed, and `picture.png` is written beside you.
 * Fields go as `--form-string`, which does not read a leading `@` or `<` as a file.
 */
export async function curlCommand(
  server: URL,
  image: Blob,
  configuration: StreamConfiguration,
): Promise<string> {
  const extension = image.type === 'image/jpeg' ? 'jpg' : 'png';
  const fields = Object.entries(configuration)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  --form-string ${quote(`${name}=${value}`)} \\\n`);
  const lines = (await base64Of(image)).match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return [
    `base64 -d <<'IMAGE' | curl --fail-with-body -sS -o picture.png -H 'Accept: image/png' \\\n`,
    `  -F 'image=@-;filename=sketch.${extension};type=${image.type}' \\\n`,
    ...fields,
    `  ${quote(new URL('v1/translate', server).href)}\n`,
    `${lines.join('\n')}\nIMAGE\n`,
  ].join('');
}

/** For a POSIX shell: nothing inside single quotes means anything but the quote itself. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

async function base64Of(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
