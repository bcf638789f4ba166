/** How each operator of ONNX becomes a layer. */
import type { LayerNode } from '../../../net/layer.ts'
import { sigmoid, softmax, tanh } from '../../../net/layers/activation.ts'
import { batchNorm } from '../../../net/layers/batch-norm.ts'
import { dropout } from '../../../net/layers/dropout.ts'
import { add, concat, slice } from '../../../net/layers/join.ts'
import { leakyRelu } from '../../../net/layers/leaky-relu.ts'
import { lrn } from '../../../net/layers/lrn.ts'
import { relu } from '../../../net/layers/relu.ts'
import type { Place } from './net.ts'
import type { NodeReader } from './node.ts'
import { readNormStep } from './norms.ts'
import { readConstant, readFlatten, readReshape, readShapeOp } from './shapes.ts'
import { readConv, readDense, readGlobalPool, readPool, readReduceMean } from './windows.ts'

type OpReader = (reader: NodeReader) => void

/** An op of one input whose shape is kept. */
const same =
  (kind: string, make: (place: Place, reader: NodeReader) => LayerNode): OpReader =>
  (reader) => {
    const x = reader.plain(0)
    const { net, node } = reader
    const layer = net.add(kind, [x.layer], (place) => make(place, reader), [], node.name)
    reader.gives({ layer, shape: x.shape })
  }

/** A value that stays as it is in inference. */
function passOn(reader: NodeReader): void {
  const [name = ''] = reader.node.inputs
  const constant = reader.net.constant(name)
  const [output = ''] = reader.node.outputs
  if (constant) reader.net.setConstant(output, constant)
  else reader.gives(reader.input(0))
}

function readCast(reader: NodeReader): void {
  const to = reader.integer('to', 0)
  // Between floats: all are f32 here.
  if (![1, 10, 11, 16].includes(to)) readShapeOp(reader)
  else passOn(reader)
}

function readSoftmax(reader: NodeReader): void {
  const x = reader.plain(0)
  const axis = reader.integer('axis', reader.net.opset < 13 ? 1 : -1)
  if (x.shape.length !== 1 || (axis !== 1 && axis !== -1)) {
    reader.refuse(`over axis ${axis} of [N, ${x.shape}]`, 'softmax over rows [N, C]')
  }
  const { net, node } = reader
  const layer = net.add('softmax', [x.layer], (place) => softmax(place), [], node.name)
  reader.gives({ layer, shape: x.shape })
}

function readBatchNorm(reader: NodeReader): void {
  const x = reader.plain(0)
  if (reader.integer('training_mode', 0) !== 0)
    reader.refuse('in training', 'batch norm of inference')
  if (reader.integer('spatial', 1) !== 1) reader.refuse('by pixel', 'batch norm by channel')
  const [channels = 0] = x.shape
  const epsilon = reader.float('epsilon', 1e-5)
  const scale = reader.needed(1)
  const own = ['scale', 'shift', 'running_mean', 'running_var'].map(
    (kind, i) => [kind, reader.parameter(reader.needed(i + 1), [channels])] as const
  )
  const make = (place: Place) => batchNorm({ ...place, epsilon })
  const layer = reader.net.add('batch_norm', [x.layer], make, own, reader.nameBy(scale))
  reader.gives({ layer, shape: x.shape })
}

function readLrn(reader: NodeReader): void {
  const x = reader.input(0)
  if (x.borders) reader.refuse('of maps with borders', 'maps without borders')
  reader.maps(x)
  const size = reader.integer('size', 0)
  if (size % 2 !== 1) reader.refuse(`of size ${size}`, 'a window of an odd size')
  const options = {
    size,
    alpha: reader.float('alpha', 1e-4),
    alphaOf: 'mean' as const,
    beta: reader.float('beta', 0.75),
    k: reader.float('bias', 1),
    groups: x.groups ?? 1
  }
  const { net, node } = reader
  const layer = net.add('lrn', [x.layer], (place) => lrn({ ...place, ...options }), [], node.name)
  reader.gives({ ...x, layer })
}

/** Two layers; or a bias for the layer before. */
function readAdd(reader: NodeReader): void {
  const { net, node } = reader
  const [a = '', b = ''] = node.inputs
  if (node.inputs.length !== 2) reader.refuse(`of ${node.inputs.length}`, 'two inputs')
  const at = net.constant(a) ? 0 : net.constant(b) ? 1 : undefined
  if (at !== undefined) {
    const x = reader.plain(1 - at)
    const before = net.byName.get(x.layer)
    const own = before && ['conv2d', 'dense'].includes(before.kind) ? before : undefined
    if (!own || own.parameters.has('bias') || net.readers(node.inputs[1 - at] ?? '') > 1) {
      reader.refuse('of a constant', 'a bias of the convolution or dense layer before')
    }
    const bias = reader.needed(at)
    const channels = x.shape[0] ?? 0
    const aligned = bias.shape[Math.max(0, bias.shape.length - x.shape.length)]
    if (aligned !== channels) reader.refuse(`of [${bias.shape}]`, `a bias of ${channels} channels`)
    own.parameters.set('bias', reader.parameter(bias, [channels]))
    reader.gives(x)
    return
  }
  const [left, right] = [reader.plain(0), reader.plain(1)]
  if (String(left.shape) !== String(right.shape)) {
    reader.refuse(`of [N, ${left.shape}] and [N, ${right.shape}]`, 'two values of one shape')
  }
  const inputs = [left.layer, right.layer] as const
  const make = (place: Place) => add({ ...place, inputs })
  const layer = net.add('add', inputs, make, [], node.name)
  reader.gives({ layer, shape: left.shape })
}

/** A factor on all values: dropout of the paper, which scales in tests. */
function readMul(reader: NodeReader): void {
  const { net, node } = reader
  const at = net.constant(node.inputs[0] ?? '') ? 0 : 1
  const factor = reader.constant(at)
  const x = reader.plain(1 - at)
  const [value = 0] = reader.numbers(factor)
  if (factor?.elements !== 1 || !(value > 0 && value <= 1)) {
    reader.refuse('of other values', 'a factor above 0, up to 1')
  }
  const make = (place: Place) => dropout({ ...place, rate: 1 - value, scaleAt: 'test' })
  const layer = net.add('dropout', [x.layer], make, [], node.name)
  reader.gives({ layer, shape: x.shape })
}

function readConcat(reader: NodeReader): void {
  const { net, node } = reader
  if (!net.value(node.inputs[0] ?? '')) {
    readShapeOp(reader)
    return
  }
  const values = node.inputs.map((_, i) => reader.plain(i))
  const [first] = values
  const rest = String(first?.shape.slice(1))
  const axis = reader.integer('axis', 1)
  const along = axis < 0 ? axis + (first?.shape.length ?? 0) + 1 : axis
  if (along !== 1 || !first || values.some(({ shape }) => String(shape.slice(1)) !== rest)) {
    reader.refuse(`along axis ${axis}`, 'channels of maps of one size')
  }
  const inputs = values.map(({ layer }) => layer)
  const channels = values.reduce((total, { shape }) => total + (shape[0] ?? 0), 0)
  const layer = net.add('concat', inputs, (place) => concat(place), [], node.name)
  reader.gives({ layer, shape: [channels, ...first.shape.slice(1)] })
}

function readSlice(reader: NodeReader): void {
  const { net, node } = reader
  if (!net.value(node.inputs[0] ?? '')) {
    readShapeOp(reader)
    return
  }
  const x = reader.plain(0)
  const [channels = 0] = x.shape
  const [starts, ends] = [reader.list('starts', 1), reader.list('ends', 2)]
  const axes = reader.list('axes', 3) ?? [0]
  const steps = reader.list('steps', 4) ?? [1]
  const [start = 0] = starts ?? []
  const [end = 0] = ends ?? []
  const from = start < 0 ? start + channels : start
  const to = Math.min(end < 0 ? end + channels : end, channels)
  if (String(axes) !== '1' || String(steps) !== '1' || from < 0 || to <= from) {
    reader.refuse(`from ${starts} to ${ends} of axes [${axes}]`, 'neighbouring channels')
  }
  const make = (place: Place) => slice({ ...place, from, count: to - from })
  const layer = net.add('slice', [x.layer], make, [], node.name)
  reader.gives({ layer, shape: [to - from, ...x.shape.slice(1)] })
}

/** Zeros around maps, which the window that reads them takes over. */
function readPad(reader: NodeReader): void {
  const x = reader.plain(0)
  reader.maps(x)
  const pads = reader.list('pads', 1) ?? []
  const [n, c, top = 0, left = 0, n2, c2, bottom = 0, right = 0] = pads
  const outer = [n, c, n2, c2].every((pad) => pad === 0)
  const value = reader.numbers(reader.constant(2))[0] ?? reader.float('value', 0)
  const plain = reader.text('mode', 'constant') === 'constant' && value === 0
  if (pads.length !== 8 || !outer || !plain || reader.node.inputs[3]) {
    reader.refuse(`with pads [${pads}]`, 'zeros around rows and columns')
  }
  reader.gives({ ...x, borders: [top, bottom, left, right] })
}

const readers: Readonly<Record<string, OpReader>> = {
  Conv: readConv,
  Gemm: readDense,
  MatMul: readDense,
  MaxPool: readPool,
  AveragePool: readPool,
  GlobalAveragePool: readGlobalPool,
  GlobalMaxPool: readGlobalPool,
  ReduceMean: readReduceMean,
  LRN: readLrn,
  BatchNormalization: readBatchNorm,
  Relu: same('relu', (place) => relu(place)),
  LeakyRelu: same('leaky_relu', (place, reader) =>
    leakyRelu({ ...place, slope: reader.float('alpha', 0.01) })
  ),
  Tanh: same('tanh', (place) => tanh(place)),
  Sigmoid: same('sigmoid', (place) => sigmoid(place)),
  Softmax: readSoftmax,
  Dropout: passOn,
  Identity: passOn,
  Cast: readCast,
  Constant: readConstant,
  Flatten: readFlatten,
  Reshape: readReshape,
  Squeeze: readReshape,
  Shape: readShapeOp,
  Gather: readShapeOp,
  Unsqueeze: readShapeOp,
  Add: readAdd,
  Sum: readAdd,
  Mul: readMul,
  Concat: readConcat,
  Slice: readSlice,
  Pad: readPad
}

/** Reads a node into the net. */
export function readNode(reader: NodeReader): void {
  if (readNormStep(reader)) return
  const { op } = reader.node
  const read = Object.hasOwn(readers, op) ? readers[op] : undefined
  if (read) read(reader)
  else
    reader.refuse(
      'of that kind',
      `one of ${Object.keys(readers).join(', ')}, or a local response normalisation`
    )
}
