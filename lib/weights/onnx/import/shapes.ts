/** Operators on shapes: flatten, reshape, and those by which a graph computes the shape that it reshapes to. */
import { elements } from '../../../native/layout.ts'
import { flatten } from '../../../net/layers/flatten.ts'
import type { LayerValue } from './net.ts'
import type { NodeReader } from './node.ts'
import type { OnnxTensor } from './tensor.ts'

/** Stands for the batch in shapes; in a Reshape, too, 0 keeps the first size. */
const BATCH = 0

function integersNamed(name: string, few: readonly number[]): OnnxTensor {
  const shape = [few.length]
  return {
    name,
    dtype: 'i64',
    shape,
    elements: few.length,
    few,
    read: async () => Float32Array.from(few)
  }
}

/** Rows of maps. */
function giveRows(reader: NodeReader, x: LayerValue): void {
  if (x.shape.length === 1) {
    reader.gives(x)
    return
  }
  const { net, node } = reader
  const layer = net.add('flatten', [x.layer], (place) => flatten(place), [], node.name)
  reader.gives({ layer, shape: [elements(x.shape)] })
}

export function readFlatten(reader: NodeReader): void {
  const axis = reader.integer('axis', 1)
  const x = reader.plain(0)
  if (axis !== 1 && axis !== -x.shape.length) reader.refuse(`from axis ${axis}`, 'one from axis 1')
  giveRows(reader, x)
}

/** Reshape to rows, to groups of channels and back; Squeeze of maps of one pixel. */
export function readReshape(reader: NodeReader): void {
  const { net, node } = reader
  if (net.constant(node.inputs[0] ?? '')) {
    readShapeOp(reader)
    return
  }
  const x = reader.input(0)
  if (x.borders) reader.refuse('of maps with borders', 'maps without borders')
  const count = elements(x.shape)
  if (node.op === 'Squeeze') {
    const axes = [...(reader.list('axes', 1) ?? [])].map((axis) => (axis < 0 ? axis + 4 : axis))
    if (x.shape[0] !== count || String(axes.sort()) !== '2,3') {
      reader.refuse(`of axes [${axes}]`, 'the axes of maps of one pixel')
    }
    giveRows(reader, x)
    return
  }
  const target = reader.numbers(reader.needed(1))
  const [batch = 1, ...rest] = target
  const keepsBatch = batch === -1 || batch === BATCH || batch === net.batch
  const refuse: () => never = () => reader.refuse(`to [${target}]`, 'rows [N, C]')
  if (!keepsBatch || (reader.integer('allowzero', 0) !== 0 && target.includes(0))) refuse()
  if (rest.length === 1 && x.groups === undefined) {
    const [columns = 0] = rest
    if (columns !== count && (columns !== -1 || batch === -1)) refuse()
    giveRows(reader, x)
    return
  }
  if (String(rest) === String(x.shape)) {
    reader.gives({ layer: x.layer, shape: x.shape })
    return
  }
  const [channels = 0, ...size] = rest
  const [all = 0, ...own] = x.shape
  const groups = all / channels
  if (batch !== -1 || String(size) !== String(own) || size.length !== 2) refuse()
  if (!Number.isInteger(groups) || x.groups !== undefined) refuse()
  reader.gives({ ...x, groups })
}

export function readConstant(reader: NodeReader): void {
  const { net, node } = reader
  const [output = ''] = node.outputs
  const tensor = reader.tensor('value')
  const integers = reader.has('value_int')
    ? [reader.integer('value_int', 0)]
    : reader.integers('value_ints')
  const floats = reader.has('value_float') ? [reader.float('value_float', 0)] : undefined
  if (tensor) net.setConstant(output, tensor)
  else if (integers) net.setConstant(output, integersNamed(output, integers))
  else if (floats) net.setConstant(output, { ...integersNamed(output, floats), dtype: 'f32' })
  else reader.refuse('without numbers', 'a tensor or numbers')
}

/** Computes shapes, where all that it reads is known. */
export function readShapeOp(reader: NodeReader): void {
  const { net, node } = reader
  const [output = ''] = node.outputs
  net.setConstant(output, integersNamed(output, computed(reader)))
}

function computed(reader: NodeReader): readonly number[] {
  const { node } = reader
  if (node.op === 'Shape') {
    const shape = [BATCH, ...reader.plain(0).shape]
    return shape.slice(reader.integer('start', 0), reader.integer('end', shape.length))
  }
  const lists = node.inputs.map((_, i) => reader.numbers(reader.constant(i)))
  const [first = []] = lists
  switch (node.op) {
    case 'Cast':
    case 'Unsqueeze':
    case 'Squeeze':
    case 'Reshape':
      return first
    case 'Concat':
      return lists.flat()
    case 'Gather':
      return (lists[1] ?? []).map((i) => first.at(i) ?? reader.refuse(`of place ${i}`, 'a place'))
    case 'Slice': {
      const [start = 0] = reader.list('starts', 1) ?? []
      const [end = 0] = reader.list('ends', 2) ?? []
      if ((reader.list('steps', 4) ?? [1])[0] !== 1) reader.refuse('with steps', 'neighbours')
      return first.slice(start, end)
    }
    default:
      return reader.refuse('on constants', 'values of layers')
  }
}
