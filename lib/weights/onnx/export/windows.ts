/** Convolution and pooling in ONNX. */
import type { Conv2dOptions } from '../../../net/layers/conv2d.ts'
import type { DenseOptions } from '../../../net/layers/dense.ts'
import type { PoolOptions } from '../../../net/layers/pool.ts'
import { pair, windowPadding } from '../../../net/layers/window.ts'
import { overhang, windowSteps } from '../windows.ts'
import type { GraphBuilder } from './graph.ts'
import { type LayerToWrite, mapsOf, parameterOf, type Written, withRelu, writer } from './writer.ts'

/** Weights, and a bias where there is one. */
function learnt(graph: GraphBuilder, layer: LayerToWrite): string[] {
  const { name, parameters } = layer
  const weight = graph.weights(`${name}.weight`, parameterOf(layer, 'weight'))
  const { bias } = parameters
  return bias ? [weight, graph.weights(`${name}.bias`, bias)] : [weight]
}

export const writeConv2d = writer<Conv2dOptions>((graph, layer, x) => {
  const { name, config } = layer
  const [, height, width] = mapsOf(layer, x)
  const size = pair(config.size)
  const stride = pair(config.stride ?? 1)
  const dilation = pair(config.dilation ?? 1)
  const padding = windowPadding(config.padding ?? 'valid', [height, width], size, stride, dilation)
  const [top, bottom, left, right] = padding
  const y = graph.node('Conv', [x.name, ...learnt(graph, layer)], name, {
    integers: {
      kernel_shape: size,
      strides: stride,
      dilations: dilation,
      group: config.groups ?? 1,
      pads: [top, left, bottom, right]
    }
  })
  const steps = [height, width].map((length, i) =>
    windowSteps({
      length,
      size: size[i] ?? 1,
      stride: stride[i] ?? 1,
      dilation: dilation[i] ?? 1,
      before: padding[2 * i] ?? 0,
      after: padding[2 * i + 1] ?? 0
    })
  )
  return {
    name: withRelu(graph, name, config.relu ?? false, y),
    shape: [config.filters, ...steps]
  }
})

export const writeDense = writer<DenseOptions>((graph, layer, x) => {
  const { name, config } = layer
  const y = graph.node('Gemm', [x.name, ...learnt(graph, layer)], name, { integers: { transB: 1 } })
  return { name: withRelu(graph, name, config.relu ?? false, y), shape: [config.units] }
})

/** The windows of a pooling layer: what ONNX's op is told, and what it gives. */
function poolOf(layer: LayerToWrite<PoolOptions>, x: Written) {
  const { config } = layer
  const [channels, height, width] = mapsOf(layer, x)
  const kernel = pair(config.size)
  const stride = pair(config.stride ?? config.size)
  const padding = windowPadding(config.padding ?? 'valid', [height, width], kernel, stride)
  const axes = [height, width].map((length, i) => ({
    length,
    size: kernel[i] ?? 1,
    stride: stride[i] ?? 1,
    before: padding[2 * i] ?? 0,
    after: padding[2 * i + 1] ?? 0
  }))
  const steps = axes.map((axis) => windowSteps(axis, config.ceil))
  const beyond = axes.map((axis, i) => overhang(axis, steps[i] ?? 0))
  return {
    integers: { kernel_shape: kernel, strides: stride },
    before: axes.map(({ before }) => before),
    after: axes.map(({ after }) => after),
    beyond,
    shape: [channels, ...steps]
  }
}

const sum = (a: readonly number[], b: readonly number[]) => a.map((one, i) => one + (b[i] ?? 0))

// Runtimes differ in `ceil_mode`. Padding that ends where the last window does says the same: it is never a maximum.
export const writeMaxPool = writer<PoolOptions>((graph, layer, x) => {
  const { integers, before, after, beyond, shape } = poolOf(layer, x)
  const pads = [...before, ...sum(after, beyond)]
  return {
    name: graph.node('MaxPool', [x.name], layer.name, { integers: { ...integers, pads } }),
    shape
  }
})

export const writeAvgPool = writer<PoolOptions>((graph, layer, x) => {
  const { name, config } = layer
  const { integers, before, after, beyond, shape } = poolOf(layer, x)
  const counted = config.includePadding ?? true
  const reaches = beyond.some((cells) => cells > 0)
  const borders = before.some((cells) => cells > 0) || after.some((cells) => cells > 0)
  if (counted && reaches && borders) {
    // Padding counts, and what `ceil` lets a window reach beyond it does not: the first is made zeros of the input.
    const pads = graph.integers(`${name}/pads`, [0, 0, ...before, 0, 0, ...after])
    const padded = graph.node('Pad', [x.name, pads], `${name}/padded`)
    const y = graph.node('AveragePool', [padded], name, {
      integers: { ...integers, pads: [0, 0, ...beyond], count_include_pad: 0 }
    })
    return { name: y, shape }
  }
  const y = graph.node('AveragePool', [x.name], name, {
    integers: {
      ...integers,
      pads: [...before, ...sum(after, beyond)],
      count_include_pad: counted && !reaches ? 1 : 0
    }
  })
  return { name: y, shape }
})
