/** ONNX Runtime's profile of one run, read: what each kind of operator costs, and how much arithmetic the graph asks for. */

type Shape = readonly number[];

/** One line of a profile; times in microseconds. */
export interface ProfileEvent {
  cat: string;
  name: string;
  ts: number;
  dur: number;
  args?: {
    op_name?: string;
    input_type_shape?: readonly Readonly<Record<string, Shape>>[];
    output_type_shape?: readonly Readonly<Record<string, Shape>>[];
  };
}

export interface OperatorCost {
  operator: string;
  /** Nodes of this kind. */
  count: number;
  /** On a GPU, of starting its kernels only: they run while the next ones are started. */
  milliseconds: number;
  /** Floating point operations, a multiply-add counted as two. */
  flops: number;
}

/** The nodes of the last run in one session's profile; the runs before it warmed up. */
export function lastRun(events: readonly ProfileEvent[]): ProfileEvent[] {
  const run = events.findLast(({ cat, name }) => cat === 'Session' && name === 'model_run');
  if (run === undefined) return [];
  return events.filter(
    ({ cat, name, ts }) =>
      cat === 'Node' && name.endsWith('_kernel_time') && ts >= run.ts && ts <= run.ts + run.dur,
  );
}

/** Cost by kind of operator, dearest first. */
export function operatorCosts(nodes: readonly ProfileEvent[]): OperatorCost[] {
  const costs = new Map<string, OperatorCost>();
  for (const node of nodes) {
    const operator = node.args?.op_name ?? 'unknown';
    const cost = costs.get(operator) ?? { operator, count: 0, milliseconds: 0, flops: 0 };
    cost.count++;
    cost.milliseconds += node.dur / 1000;
    cost.flops += flopsOf(node);
    costs.set(operator, cost);
  }
  return [...costs.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}

const size = (shape: Shape): number => shape.reduce((product, side) => product * side, 1);

/** Convolutions, matrix products and attention; everything else is bound by memory, not by arithmetic. */
export function flopsOf({ args }: ProfileEvent): number {
  const operator = args?.op_name ?? '';
  const [first, second] = (args?.input_type_shape ?? []).map((entry) => Object.values(entry)[0] ?? []);
  const output = Object.values(args?.output_type_shape?.[0] ?? {})[0];
  if (first === undefined || output === undefined) return 0;
  // Queries, keys and values in one, [B,L,heads,3,D/heads].
  if (/Attention$/.test(operator) && first.length === 5) return 4 * size(output) * (first.at(1) ?? 0);
  if (second === undefined) return 0;
  // A weight is [out,in,kH,kW], or [out,kH,kW,in] in NHWC: either way all but the first make one output.
  if (operator.endsWith('Conv')) return 2 * size(output) * size(second.slice(1));
  if (/^(Fused)?(MatMul|Gemm)$/.test(operator)) return 2 * size(output) * (first.at(-1) ?? 0);
  // [B,L,D] against [B,S,D], or against [B,S,heads,2,D/heads]: the scores, and their weighting of the values.
  if (/Attention$/.test(operator)) return 4 * size(first) * (second.at(1) ?? 0);
  return 0;
}
