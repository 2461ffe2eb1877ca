/** Reads Prometheus' text format, and tells what happened between two readings of it. */

export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** One reading of `/metrics`. */
export class Reading {
  readonly #samples: readonly Sample[];

  constructor(samples: readonly Sample[]) {
    this.#samples = samples;
  }

  /** The sum over all label sets; 0 where there is none yet. */
  sum(name: string): number {
    return this.#samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0);
  }

  /** Cumulative counts of a histogram by upper bound, all label sets added up, ascending; the last bound is infinite. */
  buckets(name: string): Map<number, number> {
    const buckets = new Map<number, number>();
    for (const { name: own, labels, value } of this.#samples) {
      if (own !== `${name}_bucket` || labels.le === undefined) continue;
      const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le);
      buckets.set(bound, (buckets.get(bound) ?? 0) + value);
    }
    return new Map([...buckets].sort(([a], [b]) => a - b));
  }
}

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Comments and lines that are no samples are passed over. */
export function parseMetrics(text: string): Reading {
  const samples = text.split('\n').flatMap((line): Sample[] => {
    const [, name, labels = '', value = ''] = LINE.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(LABEL)].map(([, key = '', text = '']) => [key, text] as const);
    return [{ name, labels: Object.fromEntries(pairs), value: value === '+Inf' ? Infinity : Number(value) }];
  });
  return new Reading(samples);
}

/** How much a counter grew. */
export function grown(before: Reading, after: Reading, name: string): number {
  return after.sum(name) - before.sum(name);
}

/** Observations of a histogram in each bucket (not cumulative) between two readings; empty buckets are left out. */
export function bucketsBetween(before: Reading, after: Reading, name: string): Map<number, number> {
  const earlier = before.buckets(name);
  const between = new Map<number, number>();
  let below = 0;
  for (const [bound, cumulative] of after.buckets(name)) {
    const count = cumulative - (earlier.get(bound) ?? 0);
    if (count > below) between.set(bound, count - below);
    below = count;
  }
  return between;
}
