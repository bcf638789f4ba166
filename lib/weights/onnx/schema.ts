/**
 * Numbers of the fields of ONNX's messages that we read and write, and of its types.
 * Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */

export const Model = {
  irVersion: 1,
  producerName: 2,
  producerVersion: 3,
  graph: 7,
  opsets: 8,
  metadata: 14
} as const
export const Opset = { domain: 1, version: 2 } as const
export const Entry = { key: 1, value: 2 } as const
export const GraphField = {
  node: 1,
  name: 2,
  initializer: 5,
  input: 11,
  output: 12,
  sparse: 15
} as const
export const Node = {
  input: 1,
  output: 2,
  name: 3,
  op: 4,
  attribute: 5,
  domain: 7
} as const
export const Attribute = {
  name: 1,
  float: 2,
  integer: 3,
  text: 4,
  tensor: 5,
  floats: 7,
  integers: 8,
  type: 20
} as const
/** Values of `Attribute.type`. */
export const AttributeType = {
  float: 1,
  integer: 2,
  text: 3,
  tensor: 4,
  floats: 6,
  integers: 7
} as const
export const Tensor = {
  dims: 1,
  type: 2,
  floats: 4,
  int32s: 5,
  int64s: 7,
  name: 8,
  raw: 9,
  doubles: 10,
  external: 13,
  location: 14
} as const
/** Values of `Tensor.type`. */
export const TensorType = {
  f32: 1,
  u8: 2,
  i32: 6,
  i64: 7,
  f16: 10,
  f64: 11,
  bf16: 16
} as const
export const ValueInfo = { name: 1, type: 2 } as const
export const Type = { tensor: 1 } as const
export const TensorInfo = { element: 1, shape: 2 } as const
export const ShapeField = { dim: 1 } as const
export const Dim = { value: 1, name: 2 } as const
