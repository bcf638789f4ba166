/** Folds batch norm into the convolution or dense layer before it, as it computes in inference. */
import type { PlacedNode } from '../../../net/fuse.ts'
import type { PublicTensor } from '../../../net/graph/public-tensors.ts'
import type { BatchNormOptions } from '../../../net/layers/batch-norm.ts'
import type { Conv2dOptions } from '../../../net/layers/conv2d.ts'
import type { NamedTensors } from '../../stored.ts'

/** Layers that batch norm can be folded into. */
const LINEAR = ['conv2d', 'dense']

/** What is left of a net: batch norms that were folded, and the parameters, some of them new. */
export interface Folded {
  /** Names of batch norms that are in the layer before. */
  readonly folded: ReadonlySet<string>
  readonly tensors: NamedTensors
}

/**
 * w' = w · scale / √(variance + ε) and b' = (b - mean) · scale / √(variance + ε) + shift, by output channel. A batch
 * norm stays where the layer before it is another one, has a ReLU, or is read by others, too.
 */
export function foldBatchNorm(layers: readonly PlacedNode[], tensors: NamedTensors): Folded {
  const byName = new Map(layers.map((placed) => [placed.name, placed]))
  const readers = new Map<string, number>()
  for (const { inputs } of layers) {
    for (const input of inputs) readers.set(input, (readers.get(input) ?? 0) + 1)
  }
  const folded = new Set<string>()
  const out = new Map(tensors)
  for (const { name, node, inputs } of layers) {
    const before = byName.get(inputs[0] ?? '')
    if (node.kind !== 'batch_norm' || !before || !LINEAR.includes(before.node.kind)) continue
    const { relu = false } = before.node.config as Conv2dOptions
    if (relu || (readers.get(before.name) ?? 0) > 1) continue
    fold(before.name, name, (node.config as BatchNormOptions).epsilon ?? 1e-5, out)
    folded.add(name)
  }
  return { folded, tensors: out }
}

function fold(linear: string, norm: string, epsilon: number, out: Map<string, PublicTensor>): void {
  const of = (kind: string) => out.get(`${norm}.${kind}`)?.data ?? new Float32Array()
  const [scale, shift, mean, variance] = [
    of('scale'),
    of('shift'),
    of('running_mean'),
    of('running_var')
  ]
  const factors = Float64Array.from(scale, (s, i) => s / Math.sqrt((variance[i] ?? 0) + epsilon))
  const weight = out.get(`${linear}.weight`)
  if (!weight) throw new Error(`[onnx] expected the parameter '${linear}.weight', got none`)
  const { shape, data } = weight
  const each = data.length / factors.length
  const scaled = data.map((value, i) => value * (factors[Math.floor(i / each)] ?? 0))
  out.set(`${linear}.weight`, { shape, data: scaled })
  const bias = out.get(`${linear}.bias`)?.data
  const moved = Float32Array.from(
    factors,
    (factor, i) => ((bias?.[i] ?? 0) - (mean[i] ?? 0)) * factor + (shift[i] ?? 0)
  )
  out.set(`${linear}.bias`, { shape: [factors.length], data: moved })
  for (const kind of ['scale', 'shift', 'running_mean', 'running_var']) {
    out.delete(`${norm}.${kind}`)
  }
}
