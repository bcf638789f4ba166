/**
 * Converts parameters to Keras's arrays and back. Keras stores filters as HWIO, alexnode as OIHW; a dense layer's
 * kernel is [in, out] in Keras and [out, in] here. After a flatten its inputs are in the order H, W, C in Keras, and
 * C, H, W here.
 */
import { setImmediate } from 'node:timers/promises'
import type { PublicTensor } from '../../net/graph/public-tensors.ts'
import type { NetSpec } from '../../net/spec.ts'
import type { LayerSummary } from '../../net/trace/summary.ts'
import type { Hdf5Array } from '../../util/files/hdf5.ts'

/** What the conversion reads of a net. */
export interface Layered {
  readonly definition: NetSpec
  readonly layers: readonly LayerSummary[]
}

/** The layers of Keras that have weights. */
export type KerasKind = 'conv2d' | 'dense' | 'batch_normalization'

/** A layer of Keras: its weights in the order in which it lists them. */
export interface KerasLayer {
  readonly kind: KerasKind
  readonly weights: readonly Hdf5Array[]
}

/** Keras's names of a layer's weights, and ours, in the order of Keras. */
export const weightNames: Readonly<Record<KerasKind, readonly (readonly [string, string])[]>> = {
  conv2d: [
    ['kernel', 'weight'],
    ['bias', 'bias']
  ],
  dense: [
    ['kernel', 'weight'],
    ['bias', 'bias']
  ],
  batch_normalization: [
    ['gamma', 'scale'],
    ['beta', 'shift'],
    ['moving_mean', 'running_mean'],
    ['moving_variance', 'running_var']
  ]
}

/** Kinds of Keras, by ours. */
export const kinds: Readonly<Record<string, KerasKind>> = {
  conv2d: 'conv2d',
  dense: 'dense',
  batch_norm: 'batch_normalization'
}

/** A layer with weights: its name here, its kind in Keras, and what it reads of a flattened [C, H, W]. */
interface Weighted {
  readonly name: string
  readonly kind: KerasKind
  readonly flattened: readonly [number, number, number] | undefined
}

function weighted({ definition, layers }: Layered): Weighted[] {
  const outputs = new Map(layers.map(({ name, output }) => [name, output]))
  const { input } = definition
  // By layer: the shape of its output, and the [C, H, W] that was flattened to it.
  const shapes = new Map<string, readonly number[]>([
    ['input', [input.channels, input.height, input.width]]
  ])
  const flattened = new Map<string, readonly [number, number, number]>()
  const found: Weighted[] = []
  for (const { name, node, inputs } of definition.layers) {
    const [from = 'input'] = inputs
    const read = shapes.get(from) ?? []
    // A fused layer is not in `layers`: its output has the shape of its input.
    shapes.set(name, outputs.get(name) ?? read)
    const [c, h, w] = read
    const before = flattened.get(from)
    if (node.kind === 'flatten' && c !== undefined && h !== undefined && w !== undefined) {
      flattened.set(name, [c, h, w])
    } else if (before && node.kind !== 'dense') flattened.set(name, before)
    const kind = Object.hasOwn(kinds, node.kind) ? kinds[node.kind] : undefined
    if (kind) found.push({ name, kind, flattened: kind === 'dense' ? before : undefined })
  }
  return found
}

/**
 * A net's parameters as the layers of a Keras model.
 * @param tensors of all parameters, by name
 * @throws Error for a parameter that Keras's layers do not have
 */
export async function toKeras(
  net: Layered,
  tensors: ReadonlyMap<string, PublicTensor>
): Promise<KerasLayer[]> {
  const out: KerasLayer[] = []
  const left = new Set(tensors.keys())
  for (const { name, kind, flattened } of weighted(net)) {
    const weights: Hdf5Array[] = []
    for (const [, own] of weightNames[kind]) {
      const tensor = tensors.get(`${name}.${own}`)
      if (!tensor) continue
      left.delete(`${name}.${own}`)
      weights.push(moved(tensor, orderOf(tensor.shape, kind, flattened), false))
      await setImmediate()
    }
    out.push({ kind, weights })
  }
  if (left.size > 0) {
    throw new Error(
      `[keras] a file of Keras holds weights of conv2d, dense and batch norm; ${net.definition.name}` +
        ` has ${[...left].join(', ')}, too`
    )
  }
  return out
}

/**
 * The layers of a Keras model as a net's parameters: the first conv2d's weights for the first conv2d, and so on.
 * @param shapeOf gives the public shape of a parameter of the net; undefined if the net does not have it
 * @throws Error naming the layer that does not fit: what was expected, and what came
 */
export async function fromKeras(
  net: Layered,
  given: readonly KerasLayer[],
  shapeOf: (name: string) => readonly number[] | undefined
): Promise<Map<string, PublicTensor>> {
  const queues = new Map<KerasKind, KerasLayer[]>()
  for (const layer of given) queues.set(layer.kind, [...(queues.get(layer.kind) ?? []), layer])
  const out = new Map<string, PublicTensor>()
  const list = weighted(net)
  for (const { name, kind, flattened } of list) {
    const layer = queues.get(kind)?.shift()
    if (!layer) {
      const wanted = list.filter((other) => other.kind === kind).length
      const came = given.filter((other) => other.kind === kind).length
      throw new Error(
        `[keras] expected ${wanted} layers ${kind} for ${net.definition.name}, got ${came}`
      )
    }
    const names = weightNames[kind].filter(([, own]) => shapeOf(`${name}.${own}`))
    if (names.length !== layer.weights.length) {
      throw new Error(
        `[keras] layer ${name} (${kind}): expected ${names.map(([keras]) => keras).join(', ')}, got ` +
          `${layer.weights.length} arrays`
      )
    }
    for (const [i, [keras, own]] of names.entries()) {
      const shape = shapeOf(`${name}.${own}`) ?? []
      const array = layer.weights[i] ?? { shape: [], data: new Float32Array() }
      const order = orderOf(shape, kind, flattened)
      const expected = order.keras
      if (String(array.shape) !== String(expected)) {
        throw new Error(
          `[keras] layer ${name} (${kind}), ${keras}: expected [${expected}], got [${array.shape}]`
        )
      }
      out.set(`${name}.${own}`, moved({ shape, data: array.data }, order, true))
      await setImmediate()
    }
  }
  for (const [kind, rest] of queues) {
    if (rest.length > 0) {
      throw new Error(
        `[keras] the file has ${rest.length} layers ${kind} more than ${net.definition.name}`
      )
    }
  }
  return out
}

/** How our array becomes Keras's: reshape it to `dims`, then permute its axes. */
export interface Order {
  readonly dims: readonly number[]
  readonly axes: readonly number[]
  /** The shape in Keras. */
  readonly keras: readonly number[]
}

/**
 * @param shape ours
 * @param flattened the [C, H, W] that a dense layer reads flattened
 */
export function orderOf(
  shape: readonly number[],
  kind: KerasKind,
  flattened: readonly [number, number, number] | undefined
): Order {
  const [o = 0, i = 0, h = 0, w = 0] = shape
  if (shape.length === 4) return { dims: shape, axes: [2, 3, 1, 0], keras: [h, w, i, o] }
  if (shape.length === 2 && kind === 'dense') {
    if (!flattened) return { dims: shape, axes: [1, 0], keras: [i, o] }
    return { dims: [o, ...flattened], axes: [2, 3, 1, 0], keras: [i, o] }
  }
  return { dims: shape, axes: [...shape.keys()], keras: shape }
}

/**
 * Permutes the elements.
 * @param tensor its shape is ours in both directions
 * @param back true for Keras's order to ours
 */
export function moved(
  { shape, data }: PublicTensor,
  { dims, axes, keras }: Order,
  back: boolean
): { readonly shape: readonly number[]; readonly data: Float32Array } {
  const to = new Float32Array(data.length)
  // Four axes in Keras's order; missing ones have length 1.
  const places = [...Array(4 - axes.length).fill(-1), ...axes]
  const strides = dims.map((_, d) => dims.slice(d + 1).reduce((a, b) => a * b, 1))
  const [a = 1, b = 1, c = 1, d = 1] = places.map((axis) => (axis < 0 ? 1 : (dims[axis] ?? 1)))
  const [sa = 0, sb = 0, sc = 0, sd = 0] = places.map((axis) =>
    axis < 0 ? 0 : (strides[axis] ?? 0)
  )
  let at = 0
  for (let w = 0; w < a; w++) {
    for (let x = 0; x < b; x++) {
      for (let y = 0; y < c; y++) {
        let from = w * sa + x * sb + y * sc
        for (let z = 0; z < d; z++, at++, from += sd) {
          if (back) to[from] = data[at] ?? 0
          else to[at] = data[from] ?? 0
        }
      }
    }
  }
  return { shape: back ? shape : keras, data: to }
}
