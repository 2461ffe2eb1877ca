/** The server's warnings in the words of this page, which has sliders and buttons where a request has fields. */
import type { Warning } from '../../client/index.js';

export interface PlainWarnings {
  /** Of the prompt; '' for none. */
  words: string;
  /** Of the sheet, and whatever the page has no words of its own for; '' for none. */
  sheet: string;
}

/** A warning whose code is not known here (a newer server's) is shown as it came. */
export function inPlainWords(warnings: readonly Warning[]): PlainWarnings {
  const truncated = ({ code }: Warning) => code === 'prompt_truncated';
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

function ofSheet({ code, detail }: Warning): string {
  if (code === 'no_edges') {
    return 'The model found no edges here. Move “Edges from” and “Strong edges from” down, or take a picture with more contrast.';
  }
  if (code === 'no_strokes') {
    return 'The model found no strokes here: they are too close to the colour of the paper.';
  }
  return detail;
}
