import { elements, type Shape } from '../../native/layout.ts'
import type { ParameterSpec } from '../graph/parameter.ts'

/** One line of a net's table. */
export interface LayerSummary {
  /** The layer's name. */
  readonly name: string
  /** 'conv2d', 'lrn', … */
  readonly kind: string
  /** Shape of its output for one image: [C, H, W] or [C]. */
  readonly output: Shape
  /** Values that are learnt, also where the layer is frozen. */
  readonly parameters: number
  /** True if they stay as they are. */
  readonly frozen: boolean
  /** Multiply-adds of the forward pass for one image. */
  readonly macs: number
  /** Bytes of its output for the whole batch, on all devices. */
  readonly bytes: number
}

/** The number of values that an optimizer updates. */
export function trainedValues(specs: readonly ParameterSpec[]): number {
  return specs
    .filter(({ trained }) => trained !== false)
    .reduce((sum, { shape }) => sum + elements(shape), 0)
}

/** The layers of a net from those of its replicas, which share the batch. */
export function mergeResults(replicas: readonly (readonly LayerSummary[])[]): LayerSummary[] {
  const [first = []] = replicas
  return first.map((layer, i) => ({
    ...layer,
    bytes: replicas.reduce((sum, layers) => sum + (layers[i]?.bytes ?? 0), 0)
  }))
}
