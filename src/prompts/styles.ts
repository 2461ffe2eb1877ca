/** Style presets: a template that goes around the prompt. The shipped ones can be replaced by a user's own file. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { Img2ImgError, messageOf, unknownId } from '../errors.js';
import shipped from './styles.json' with { type: 'json' };

const styleSchema = z.strictObject({
  /** What a request's `style` field says. */
  id: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, 'must be lower-case letters, digits, "_" or "-"'),
  title: z.string().min(1),
  template: z.string().includes('{prompt}', { message: 'must contain {prompt}' }),
});

const stylesSchema = z
  .array(styleSchema, 'it must be a JSON array of { "id", "title", "template" }')
  .superRefine((styles, context) => {
    styles.forEach((style, index) => {
      if (styles.findIndex((other) => other.id === style.id) !== index) {
        context.addIssue({ code: 'custom', path: [index, 'id'], message: `"${style.id}" stands twice` });
      }
    });
  });

export type Style = z.infer<typeof styleSchema>;

/**
 * The shipped presets, or those of the JSON file at `path`, which replace them all.
 * @throws Img2ImgError `invalid_config` naming the file and what is wrong with it
 */
export function loadStyles(path?: string): Style[] {
  if (path === undefined) return stylesSchema.parse(shipped);
  const refuse = (why: string, cause?: unknown) =>
    new Img2ImgError('invalid_config', `STYLES_FILE: ${path} ${why}`, { details: { file: path }, cause });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw refuse(`cannot be read: ${messageOf(error)}`, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(`is not JSON: ${messageOf(error)}`, error);
  }
  const parsed = stylesSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${z.core.toDotPath(path)}: ${message}`,
  );
  throw refuse(`does not hold together: ${faults.join('; ')}`);
}

/**
 * The prompt as the model gets it.
 * @param style a style's id, or undefined for `template`
 * @param template goes around the prompt where no style is named: the bundle's own
 * @throws Img2ImgError `unknown_style` listing those there are
 */
export function applyStyle(
  styles: readonly Style[],
  style: string | undefined,
  prompt: string,
  template = '{prompt}',
): string {
  const chosen = style === undefined ? template : findStyle(styles, style).template;
  // Not `replace` with a string: a prompt may hold `$&`.
  return chosen.replaceAll('{prompt}', () => prompt);
}

function findStyle(styles: readonly Style[], id: string): Style {
  const found = styles.find((style) => style.id === id);
  if (found !== undefined) return found;
  const available = styles.map((style) => style.id);
  const message = `There is no style "${id}"; there are ${available.join(', ')}.`;
  throw unknownId('style', id, available, message);
}
