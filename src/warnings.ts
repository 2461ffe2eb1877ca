/** What comes back beside a picture that is not quite what was asked for: a code for programs, a sentence for people. */
import { z } from 'zod';
import type { Manifest } from './bundles/manifest.js';
import type { Conditioned } from './images/conditioning.js';

export const warningSchema = z
  .object({
    code: z
      .enum(['prompt_truncated', 'no_strokes', 'no_edges'])
      .describe(
        '`prompt_truncated`: the model reads fewer tokens; `no_strokes`, `no_edges`: it found none in a picture that is not blank.',
      ),
    detail: z.string().describe('A sentence, and what to do about it.'),
  })
  .meta({ id: 'Warning' });

export type Warning = z.infer<typeof warningSchema>;

export interface WarningFacts {
  manifest: Manifest;
  prepared: Pick<Conditioned, 'missed' | 'inverted'>;
  truncated: boolean;
}

export function warningsOf({ manifest, prepared, truncated }: WarningFacts): Warning[] {
  const warnings: Warning[] = [];
  if (truncated) {
    const detail = `the prompt was truncated to the model's ${manifest.tokenizer.max_length} tokens`;
    warnings.push({ code: 'prompt_truncated', detail });
  }
  if (prepared.missed) warnings.push(missedWarning(manifest, prepared.inverted));
  return warnings;
}

function missedWarning({ conditioning }: Manifest, inverted: boolean): Warning {
  if (conditioning.kind === 'edge') {
    return {
      code: 'no_edges',
      detail:
        'no edges were found: lower low_threshold and high_threshold, or send a picture with more contrast',
    };
  }
  return {
    code: 'no_strokes',
    detail: inverted
      ? 'no strokes were found: the picture was taken as light lines on dark, which must be lighter than mid-grey'
      : 'no strokes were found: lines must be darker than mid-grey (invert=true for light lines on dark)',
  };
}
