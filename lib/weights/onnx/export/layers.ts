/** How each kind of layer is written in ONNX. */
import type { DropoutOptions } from '../../../net/layers/dropout.ts'
import type { AddOptions, ConcatOptions, SliceOptions } from '../../../net/layers/join.ts'
import type { LeakyReluOptions } from '../../../net/layers/leaky-relu.ts'
import { writeBatchNorm, writeFlatten, writeLrn, writeLrnWithin } from './norms.ts'
import { writeAvgPool, writeConv2d, writeDense, writeMaxPool } from './windows.ts'
import { type LayerWriter, withRelu, writer } from './writer.ts'

/** An op of one input whose shape is kept. */
const same = (op: string): LayerWriter =>
  writer((graph, { name }, x) => ({ name: graph.node(op, [x.name], name), shape: x.shape }))

const writeLeakyRelu = writer<LeakyReluOptions>((graph, { name, config }, x) => ({
  name: graph.node('LeakyRelu', [x.name], name, { floats: { alpha: config.slope ?? 0.01 } }),
  shape: x.shape
}))

const writeSoftmax = writer((graph, { name }, x) => ({
  name: graph.node('Softmax', [x.name], name, { integers: { axis: 1 } }),
  shape: x.shape
}))

const writeDropout = writer<DropoutOptions>((graph, { name, config }, x) => {
  const { rate = 0.5, scaleAt = 'train' } = config
  if (rate === 0 || scaleAt === 'train') return x
  const factor = graph.number(`${name}/factor`, 1 - rate)
  return { name: graph.node('Mul', [x.name, factor], name), shape: x.shape }
})

const writeAdd = writer<AddOptions>((graph, { name, config, inputs }, x) => {
  const y = graph.node(
    'Add',
    inputs.map((input) => input.name),
    name
  )
  return { name: withRelu(graph, name, config.relu ?? false, y), shape: x.shape }
})

const writeConcat = writer<ConcatOptions>((graph, { name, inputs }, { shape }) => {
  const names = inputs.map((input) => input.name)
  const channels = inputs.reduce((total, input) => total + (input.shape[0] ?? 0), 0)
  return {
    name: graph.node('Concat', names, name, { integers: { axis: 1 } }),
    shape: [channels, ...shape.slice(1)]
  }
})

const writeSlice = writer<SliceOptions>((graph, { name, config }, x) => {
  const { from, count } = config
  const ends = { starts: [from], ends: [from + count], axes: [1] }
  const constants = Object.entries(ends).map(([key, list]) =>
    graph.integers(`${name}/${key}`, list)
  )
  return {
    name: graph.node('Slice', [x.name, ...constants], name),
    shape: [count, ...x.shape.slice(1)]
  }
})

const writers: Readonly<Record<string, LayerWriter>> = {
  conv2d: writeConv2d,
  dense: writeDense,
  max_pool: writeMaxPool,
  avg_pool: writeAvgPool,
  lrn: writeLrn,
  lrn_within: writeLrnWithin,
  batch_norm: writeBatchNorm,
  flatten: writeFlatten,
  relu: same('Relu'),
  tanh: same('Tanh'),
  sigmoid: same('Sigmoid'),
  softmax: writeSoftmax,
  leaky_relu: writeLeakyRelu,
  dropout: writeDropout,
  add: writeAdd,
  concat: writeConcat,
  slice: writeSlice
}

/** @throws Error for a kind of layer that is not known here */
export function writerOf(kind: string): LayerWriter {
  const found = Object.hasOwn(writers, kind) ? writers[kind] : undefined
  if (found) return found
  throw new Error(
    `[onnx] expected layers of ${Object.keys(writers).join(', ')}, got one of kind '${kind}'`
  )
}
