/** Random nets as plain data: numbers that fast-check draws and shrinks, and the net that they stand for. */
import fc from 'fast-check'

/** Numbers of a layer. Each is taken modulo what there is to choose from. */
export interface DrawnLayer {
  readonly kind: number
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
}

/** A layer: its kind, its options, and the layers that it reads. */
export interface LayerSpec {
  readonly kind: string
  readonly name: string
  readonly inputs: readonly string[]
  readonly [option: string]: unknown
}

/** A case: a net, and how it is built and trained. */
export interface DrawnNet {
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly batch: number
  readonly classes: number
  readonly layers: readonly DrawnLayer[]
  readonly dense: readonly DrawnLayer[]
  readonly head: 'softmax' | 'sigmoid'
  readonly dtype: 'f32' | 'bf16'
  readonly fuse: boolean
  readonly winograd: boolean
  /** 1: one device. 'model', 'data': two. */
  readonly devices: 'one' | 'model' | 'data'
  readonly optimizer: 'sgd' | 'momentum' | 'nesterov' | 'paper' | 'adam'
  readonly weightDecay: number
  readonly seed: number
  /** The layers themselves. Kept cases have them, so that they stay what they are when drawing changes. */
  readonly spec?: readonly LayerSpec[]
}

const number = fc.nat(59)
const layer: fc.Arbitrary<DrawnLayer> = fc.record({
  kind: fc.nat(19),
  a: number,
  b: number,
  c: number,
  d: number
})
// Small images are where windows hang over edges, so they are drawn more often.
const side = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 3, max: 14 }))

/** Draws nets of one to seven layers and a head. */
export const drawnNet: fc.Arbitrary<DrawnNet> = fc.record({
  channels: fc.constantFrom(1, 2, 3, 8, 16, 64),
  height: side,
  width: side,
  batch: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 2, max: 6 }) }, fc.constant(32)),
  classes: fc.integer({ min: 2, max: 9 }),
  layers: fc.array(layer, { minLength: 1, maxLength: 7, size: 'max' }),
  dense: fc.array(layer, { maxLength: 2, size: 'max' }),
  head: fc.constantFrom('softmax', 'softmax', 'softmax', 'sigmoid'),
  dtype: fc.constantFrom('f32', 'f32', 'bf16'),
  fuse: fc.boolean(),
  winograd: fc.boolean(),
  devices: fc.constantFrom('one', 'one', 'model', 'data'),
  optimizer: fc.constantFrom('sgd', 'momentum', 'nesterov', 'paper', 'adam'),
  weightDecay: fc.constantFrom(0, 1e-3, 0.1),
  seed: fc.nat(1 << 20)
})
