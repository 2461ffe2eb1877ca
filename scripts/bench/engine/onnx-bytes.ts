/** Just enough of ONNX' protobuf encoding to write small graphs by hand, without a Python that could. */

/** Element types of ONNX (TensorProto.DataType). */
export const ElementType = { float: 1, float16: 10, int64: 7 } as const;
export type ElementTypeName = keyof typeof ElementType;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** A field holding a whole number. */
export const numberField = (field: number, value: number): Buffer =>
  Buffer.concat([varint(field * 8), varint(value)]);

/** A field holding bytes, text or another message. */
export function field(number: number, content: Buffer | string): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

/** NodeProto. */
export function node(
  operator: string,
  inputs: readonly string[],
  output: string,
  ...attributes: Buffer[]
): Buffer {
  return Buffer.concat([
    ...inputs.map((input) => field(1, input)),
    field(2, output),
    field(3, output),
    field(4, operator),
    ...attributes.map((attribute) => field(5, attribute)),
  ]);
}

/** AttributeProto with one whole number. */
export const integerAttribute = (name: string, value: number): Buffer =>
  Buffer.concat([field(1, name), numberField(3, value), numberField(20, 2)]);

/** AttributeProto with a tensor. */
export const tensorAttribute = (name: string, tensor: Buffer): Buffer =>
  Buffer.concat([field(1, name), field(5, tensor), numberField(20, 4)]);

/** TensorProto from its raw bytes. */
export function tensor(name: string, type: ElementTypeName, shape: readonly number[], raw: Buffer): Buffer {
  const dimensions = shape.map((side) => numberField(1, side));
  return Buffer.concat([...dimensions, numberField(2, ElementType[type]), field(8, name), field(9, raw)]);
}

/** ValueInfoProto of a tensor. */
export function value(name: string, type: ElementTypeName, shape: readonly number[]): Buffer {
  const dimensions = shape.map((side) => field(1, numberField(1, side)));
  const tensorType = Buffer.concat([numberField(1, ElementType[type]), field(2, Buffer.concat(dimensions))]);
  return Buffer.concat([field(1, name), field(2, field(1, tensorType))]);
}

/** ModelProto: IR version 8, opset 17. */
export function model(parts: {
  nodes: Buffer[];
  inputs: Buffer[];
  outputs: Buffer[];
  initializers: Buffer[];
}): Buffer {
  const graph = Buffer.concat([
    ...parts.nodes.map((content) => field(1, content)),
    field(2, 'bench'),
    ...parts.initializers.map((content) => field(5, content)),
    ...parts.inputs.map((content) => field(11, content)),
    ...parts.outputs.map((content) => field(12, content)),
  ]);
  return Buffer.concat([numberField(1, 8), field(7, graph), field(8, numberField(2, 17))]);
}
