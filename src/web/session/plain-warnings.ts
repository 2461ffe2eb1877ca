/** The server's warnings in the words of this page, which has sliders and buttons where a request has fields. */

export interface PlainWarnings {
  /** Of the prompt; '' for none. */
  words: string;
  /** Of the sheet, and whatever the page has no words of its own for; '' for none. */
  sheet: string;
}

/** By what `src/warnings.ts` writes; a sentence that is not known here is shown as it came. */
export function inPlainWords(warnings: readonly string[]): PlainWarnings {
  const truncated = (warning: string) => warning.includes('prompt was truncated');
  return {
    words: warnings.some(truncated)
      ? 'This is longer than the model can read: it saw only the beginning.'
      : '',
    sheet: warnings
      .filter((warning) => !truncated(warning))
      .map(ofSheet)
      .join(' '),
  };
}

function ofSheet(warning: string): string {
  if (warning.startsWith('no edges')) {
    return 'The model found no edges here. Move “Edges from” and “Strong edges from” down, or take a picture with more contrast.';
  }
  if (warning.startsWith('no strokes')) {
    return 'The model found no strokes here: they are too close to the colour of the paper.';
  }
  return warning;
}
