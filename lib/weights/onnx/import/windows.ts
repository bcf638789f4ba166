/** Convolution, dense layers and pooling of ONNX. */
import { conv2d } from '../../../net/layers/conv2d.ts'
import { dense } from '../../../net/layers/dense.ts'
import { flatten } from '../../../net/layers/flatten.ts'
import { avgPool, maxPool, type PoolOptions } from '../../../net/layers/pool.ts'
import { windowPadding } from '../../../net/layers/window.ts'
import { overhang, windowSteps } from '../windows.ts'
import type { Borders, LayerValue, ParameterSource } from './net.ts'
import type { NodeReader } from './node.ts'

type Two = readonly [number, number]

function two(reader: NodeReader, name: string, fallback: Two): Two {
  const list = reader.integers(name)
  if (!list || list.length === 0) return fallback
  const [a = 1, b = 1] = list
  if (list.length !== 2) reader.refuse(`with ${name} [${list}]`, 'windows of two axes')
  return [a, b]
}

interface Windows {
  readonly size: Two
  readonly stride: Two
  readonly dilation: Two
}

/** [top, bottom, left, right]: of the attributes, and of borders that a Pad put around the maps. */
function bordersOf(
  reader: NodeReader,
  x: LayerValue,
  { size, stride, dilation }: Windows
): Borders {
  const [, height, width] = reader.maps(x)
  const auto = reader.text('auto_pad', 'NOTSET')
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const [a, b, c, d] = windowPadding('same', [height, width], size, stride, dilation)
    return auto === 'SAME_UPPER' ? [a, b, c, d] : [b, a, d, c]
  }
  if (auto !== 'NOTSET' && auto !== 'VALID') reader.refuse(`with auto_pad ${auto}`, 'SAME or pads')
  const pads = auto === 'VALID' ? [] : (reader.integers('pads') ?? [])
  if (pads.some((cells) => cells < 0)) reader.refuse(`with pads [${pads}]`, 'pads from 0')
  if (pads.length !== 0 && pads.length !== 4) reader.refuse(`with pads [${pads}]`, 'four pads')
  const [top = 0, left = 0, bottom = 0, right = 0] = pads
  return [top, bottom, left, right]
}

function stepsOf(
  [height, width]: Two,
  { size, stride, dilation }: Windows,
  [top, bottom, left, right]: Borders,
  ceil = false
): [number, number] {
  const along = (length: number, i: 0 | 1, before: number, after: number) =>
    windowSteps(
      { length, size: size[i], stride: stride[i], dilation: dilation[i], before, after },
      ceil
    )
  return [along(height, 0, top, bottom), along(width, 1, left, right)]
}

const sum = (a: Borders, b: Borders = [0, 0, 0, 0]): Borders => [
  a[0] + b[0],
  a[1] + b[1],
  a[2] + b[2],
  a[3] + b[3]
]

export function readConv(reader: NodeReader): void {
  const x = reader.input(0)
  if (x.groups !== undefined) reader.refuse('of maps split by a Reshape', 'maps [N, C, H, W]')
  const [channels, height, width] = reader.maps(x)
  const weight = reader.needed(1)
  const [filters = 0, each = 0, kh = 0, kw = 0] = weight.shape
  if (weight.shape.length !== 4)
    reader.refuse(`of weights [${weight.shape}]`, 'weights [O, C, kh, kw]')
  const groups = reader.integer('group', 1)
  if (each * groups !== channels) {
    reader.refuse(
      `of weights [${weight.shape}] in ${groups} groups`,
      `weights for ${channels} channels`
    )
  }
  const size = two(reader, 'kernel_shape', [kh, kw])
  if (size[0] !== kh || size[1] !== kw)
    reader.refuse(`with kernel_shape [${size}]`, `[${kh},${kw}]`)
  const windows = {
    size,
    stride: two(reader, 'strides', [1, 1]),
    dilation: two(reader, 'dilations', [1, 1])
  }
  const padding = sum(bordersOf(reader, x, windows), x.borders)
  const bias = reader.constant(2)
  const own: [string, ParameterSource][] = [['weight', reader.parameter(weight, weight.shape)]]
  if (bias) own.push(['bias', reader.parameter(bias, [filters])])
  const { stride, dilation } = windows
  const layer = reader.net.add(
    'conv2d',
    [x.layer],
    (place, parameters) =>
      conv2d({
        ...place,
        filters,
        size,
        stride,
        dilation,
        groups,
        padding,
        bias: parameters.has('bias')
      }),
    own,
    reader.nameBy(weight)
  )
  reader.gives({ layer, shape: [filters, ...stepsOf([height, width], windows, padding)] })
}

/** Gemm, and MatMul, whose bias may follow in an Add. */
export function readDense(reader: NodeReader): void {
  const x = reader.plain(0)
  const [channels = 0] = x.shape
  if (x.shape.length !== 1) reader.refuse(`of [N, ${x.shape}]`, 'rows [N, C]')
  if (reader.integer('transA', 0) !== 0) reader.refuse('with transA', 'rows [N, C]')
  const weight = reader.needed(1)
  const transposed = reader.node.op === 'MatMul' || reader.integer('transB', 0) === 0
  const [first = 0, second = 0] = weight.shape
  const [units, reads] = transposed ? [second, first] : [first, second]
  if (weight.shape.length !== 2 || reads !== channels) {
    reader.refuse(`of weights [${weight.shape}]`, `weights for ${channels} inputs`)
  }
  const factor = reader.float('alpha', 1)
  const own: [string, ParameterSource][] = [
    ['weight', reader.parameter(weight, [units, reads], { transposed, factor })]
  ]
  const bias = reader.node.op === 'Gemm' ? reader.constant(2) : undefined
  if (bias) own.push(['bias', reader.parameter(bias, [units], { factor: reader.float('beta', 1) })])
  const layer = reader.net.add(
    'dense',
    [x.layer],
    (place, parameters) => dense({ ...place, units, bias: parameters.has('bias') }),
    own,
    reader.nameBy(weight)
  )
  reader.gives({ layer, shape: [units] })
}

export function readPool(reader: NodeReader): void {
  const x = reader.input(0)
  const average = reader.node.op === 'AveragePool'
  if (x.groups !== undefined || (x.borders && !average)) {
    reader.refuse('of maps that were reshaped or padded', 'maps [N, C, H, W]')
  }
  const [channels, height, width] = reader.maps(x)
  const size = two(reader, 'kernel_shape', [0, 0])
  const stride = two(reader, 'strides', [1, 1])
  const dilation = two(reader, 'dilations', [1, 1])
  if (dilation[0] !== 1 || dilation[1] !== 1)
    reader.refuse('with dilations', 'windows without gaps')
  const windows = { size, stride, dilation }
  const own = bordersOf(reader, x, windows)
  const whole = sum(own, x.borders)
  const ceil = reader.integer('ceil_mode', 0) === 1
  const steps = stepsOf([height, width], windows, whole, ceil)
  const counted = average && reader.integer('count_include_pad', 0) === 1
  const options = x.borders
    ? paddedPool(reader, [height, width], windows, x.borders, own, steps, counted)
    : { size, stride, padding: whole, ceil, includePadding: counted }
  const make = average ? avgPool : maxPool
  const kind = average ? 'avg_pool' : 'max_pool'
  const { includePadding, ...rest } = options
  const layer = reader.net.add(
    kind,
    [x.layer],
    (place) => make({ ...place, ...rest, ...(average && { includePadding }) }),
    [],
    reader.node.name
  )
  reader.gives({ layer, shape: [channels, ...steps] })
}

/** An average over maps with borders of zeros: the borders count, and what reaches beyond them does not. */
function paddedPool(
  reader: NodeReader,
  maps: Two,
  windows: Windows,
  borders: Borders,
  own: Borders,
  steps: Two,
  counted: boolean
) {
  const { size, stride } = windows
  const given = { size, stride, padding: borders, ceil: false, includePadding: true }
  if (own.every((cells) => cells === 0)) return given
  const same = String(stepsOf(maps, windows, borders, true)) === String(steps)
  const beyond = [0, 1].map((i) =>
    overhang(
      {
        length: maps[i] ?? 0,
        size: size[i] ?? 0,
        stride: stride[i] ?? 1,
        before: borders[2 * i] ?? 0,
        after: borders[2 * i + 1] ?? 0
      },
      steps[i] ?? 0
    )
  )
  const fits = own[0] === 0 && own[2] === 0 && own[1] === beyond[0] && own[3] === beyond[1]
  if (!same || counted || !fits) reader.refuse('over maps with borders', 'maps without borders')
  return { ...given, ceil: true }
}

/** The mean, or the largest, of each map. */
export function readGlobalPool(reader: NodeReader): void {
  const x = reader.plain(0)
  const [channels, height, width] = reader.maps(x)
  const options: Omit<PoolOptions, 'name'> = { size: [height, width] }
  const average = reader.node.op !== 'GlobalMaxPool'
  const make = average ? avgPool : maxPool
  const layer = reader.net.add(
    average ? 'avg_pool' : 'max_pool',
    [x.layer],
    (place) => make({ ...place, ...options }),
    [],
    reader.node.name
  )
  reader.gives({ layer, shape: [channels, 1, 1] })
}

/** ReduceMean over rows and columns. */
export function readReduceMean(reader: NodeReader): void {
  const x = reader.plain(0)
  const axes = [...(reader.list('axes', 1) ?? [])]
    .map((axis) => (axis < 0 ? axis + 4 : axis))
    .sort()
  if (x.shape.length !== 3 || String(axes) !== '2,3') {
    reader.refuse(`over axes [${axes}]`, 'the mean over rows and columns')
  }
  const [channels, height, width] = reader.maps(x)
  const pooled = reader.net.add('avg_pool', [x.layer], (place) =>
    avgPool({ ...place, size: [height, width] })
  )
  if (reader.integer('keepdims', 1) === 1) {
    reader.gives({ layer: pooled, shape: [channels, 1, 1] })
    return
  }
  const layer = reader.net.add('flatten', [pooled], (place) => flatten(place))
  reader.gives({ layer, shape: [channels] })
}
