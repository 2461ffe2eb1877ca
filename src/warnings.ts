/** The sentences that come back beside a picture: what was made is not quite what was asked for. */
import type { Manifest } from './bundles/manifest.js';
import type { Conditioned } from './images/conditioning.js';

export interface WarningFacts {
  manifest: Manifest;
  prepared: Pick<Conditioned, 'missed' | 'inverted'>;
  truncated: boolean;
}

export function warningsOf({ manifest, prepared, truncated }: WarningFacts): string[] {
  const warnings: string[] = [];
  if (truncated) {
    warnings.push(`the prompt was truncated to the model's ${manifest.tokenizer.max_length} tokens`);
  }
  if (prepared.missed) warnings.push(missedWarning(manifest, prepared.inverted));
  return warnings;
}

function missedWarning({ conditioning }: Manifest, inverted: boolean): string {
  if (conditioning.kind === 'edge') {
    return 'no edges were found: lower low_threshold and high_threshold, or send a picture with more contrast';
  }
  return inverted
    ? 'no strokes were found: the picture was taken as light lines on dark, which must be lighter than mid-grey'
    : 'no strokes were found: lines must be darker than mid-grey (invert=true for light lines on dark)';
}
