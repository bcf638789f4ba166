/** Normalisation in ONNX. Windows that its LRN cannot say are made of other ops. */
import { elements } from '../../../native/layout.ts'
import type { BatchNormOptions } from '../../../net/layers/batch-norm.ts'
import type { LrnOptions } from '../../../net/layers/lrn.ts'
import type { GraphBuilder } from './graph.ts'
import { mapsOf, parameterOf, withRelu, writer } from './writer.ts'

/** Settings with their defaults; `alpha` is that of the sum, over `count` values. */
function curveOf(config: LrnOptions, count: number) {
  const { size = 5, alpha = 1e-4, alphaOf = 'sum', beta = 0.75, k = 2, groups = 1 } = config
  return { size, alpha: alphaOf === 'sum' ? alpha : alpha / count, beta, k, groups }
}

type Curve = ReturnType<typeof curveOf>

/**
 * x / (k + α · Σ x²)^β.
 * @param means the mean of a window's squares
 * @param count by which it is multiplied to be their sum
 */
function divided(
  graph: GraphBuilder,
  name: string,
  x: string,
  means: string,
  { alpha, beta, k }: Curve,
  count: number
): string {
  const factor = graph.number(`${name}/alpha`, alpha * count)
  const scaled = graph.node('Mul', [means, factor], `${name}/scaled`)
  const sum = graph.node('Add', [scaled, graph.number(`${name}/k`, k)], `${name}/sum`)
  const power = graph.node('Pow', [sum, graph.number(`${name}/beta`, beta)], `${name}/power`)
  return graph.node('Div', [x, power], name)
}

export const writeLrn = writer<LrnOptions>((graph, layer, x) => {
  const { name, config } = layer
  const [channels, height, width] = mapsOf(layer, x)
  const curve = curveOf(config, config.size ?? 5)
  const { size, alpha, beta, k, groups } = curve
  // An even window lies otherwise in ONNX, and onnxruntime refuses it, and factors of 0.
  const known = size % 2 === 1 && alpha > 0 && beta > 0
  const back = () => graph.integers(`${name}/whole`, [-1, channels, height, width])
  if (known) {
    const floats = { alpha: alpha * size, beta, bias: k }
    const node = (from: string, to: string) =>
      graph.node('LRN', [from], to, { integers: { size }, floats })
    if (groups === 1) return { name: node(x.name, name), shape: x.shape }
    // Windows stop at the borders of groups: each group becomes an image of its own.
    const apart = graph.integers(`${name}/apart`, [-1, channels / groups, height, width])
    const split = graph.node('Reshape', [x.name, apart], `${name}/groups`)
    const y = node(split, `${name}/normed`)
    return { name: graph.node('Reshape', [y, back()], name), shape: x.shape }
  }
  const squares = graph.node('Mul', [x.name, x.name], `${name}/squares`)
  const inRow = [-1, 1, channels / groups, height * width]
  const rows = graph.node(
    'Reshape',
    [squares, graph.integers(`${name}/rows`, inRow)],
    `${name}/in_rows`
  )
  const before = Math.floor(size / 2)
  const means = graph.node('AveragePool', [rows], `${name}/means`, {
    integers: {
      kernel_shape: [size, 1],
      pads: [before, 0, size - 1 - before, 0],
      count_include_pad: 1
    }
  })
  const whole = graph.node('Reshape', [means, back()], `${name}/mean_maps`)
  return { name: divided(graph, name, x.name, whole, curve, size), shape: x.shape }
})

export const writeLrnWithin = writer<LrnOptions>((graph, layer, x) => {
  const { name, config } = layer
  mapsOf(layer, x)
  const curve = curveOf(config, (config.size ?? 5) ** 2)
  const { size } = curve
  const before = Math.floor(size / 2)
  const after = size - 1 - before
  const squares = graph.node('Mul', [x.name, x.name], `${name}/squares`)
  const means = graph.node('AveragePool', [squares], `${name}/means`, {
    integers: {
      kernel_shape: [size, size],
      pads: [before, before, after, after],
      count_include_pad: 1
    }
  })
  return { name: divided(graph, name, x.name, means, curve, size ** 2), shape: x.shape }
})

export const writeBatchNorm = writer<BatchNormOptions>((graph, layer, x) => {
  const { name, config } = layer
  const inputs = ['scale', 'shift', 'running_mean', 'running_var'].map((kind) =>
    graph.weights(`${name}.${kind}`, parameterOf(layer, kind))
  )
  const y = graph.node('BatchNormalization', [x.name, ...inputs], name, {
    floats: { epsilon: config.epsilon ?? 1e-5 }
  })
  return { name: withRelu(graph, name, config.relu ?? false, y), shape: x.shape }
})

/** Flattened maps. */
export const writeFlatten = writer((graph, { name }, x) => ({
  name: graph.node('Flatten', [x.name], name, { integers: { axis: 1 } }),
  shape: [elements(x.shape)]
}))
