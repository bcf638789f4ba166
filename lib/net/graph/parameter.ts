/** A parameter: what a layer declares, and the f32 master weights and gradient that a build holds. */
import type { Stream } from '../../engine/stream.ts'
import { elements, type Shape } from '../../native/layout.ts'
import { type Fill, fillOf, type Init } from './init.ts'
import { Value } from './value.ts'

/** What a layer declares for one of its parameters. */
export interface ParameterSpec {
  /** Unique in the layer: 'weight', 'bias', … */
  readonly name: string
  /** Public shape: [O, C, kh, kw] or [out, in]. */
  readonly shape: Shape
  /** The shape that ops take, if it differs: [g, O/g, C/g, kh, kw]. Same elements in the same order. */
  readonly dims?: Shape
  readonly init: Init
  readonly fanIn?: number
  readonly fanOut?: number
  /** Factor on the learning rate. Default 1. */
  readonly rate?: number
  /** Factor on the weight decay. Default 1. */
  readonly decay?: number
  /** False for running statistics, which no optimizer updates. Default true. */
  readonly trained?: boolean
}

/** The part of a parameter that one device holds: rows of its first axis, or all of it. */
export interface Piece {
  /** Index of the build's part that holds it. */
  readonly part: number
  /** Index of its first row. */
  readonly from: number
  /** Public shape of the whole parameter. */
  readonly whole: Shape
  /** How the whole parameter is initialised. */
  readonly fill: Fill
  /** True if an earlier replica holds the same numbers; counts, norms and files use that one. */
  readonly copy: boolean
}

/** A parameter, or the piece of one that a device holds. */
export class Parameter implements Piece {
  /** 'conv1.weight' */
  readonly name: string
  readonly layer: string
  /** Its name in the layer: 'weight'. */
  readonly kind: string
  /** Public shape of the piece. */
  readonly shape: Shape
  /** The shape that ops take. */
  readonly dims: Shape
  readonly part: number = 0
  readonly from: number = 0
  readonly whole: Shape
  readonly copy: boolean = false
  readonly fill: Fill
  readonly rate: number = 1
  readonly decay: number = 1
  /** True if an optimizer updates it. */
  readonly trained: boolean = true
  /** True if nothing changes it while the net is trained, not even its layer, as it does running statistics. */
  readonly frozen: boolean
  /** Master weights: f32, in the layout of the first op that reads them as f32. */
  readonly master: Value
  /** f32, in the layout of the master weights. */
  readonly gradient: Value
  /** The stream that updates it. */
  home: Stream | undefined

  constructor(layer: string, spec: ParameterSpec, piece?: Piece, frozen = false) {
    const { name: kind, shape, dims = shape, init, fanIn, fanOut, ...factors } = spec
    const name = `${layer}.${kind}`
    this.name = name
    this.layer = layer
    this.kind = kind
    this.shape = shape
    this.dims = dims
    this.whole = piece?.whole ?? shape
    this.fill = piece?.fill ?? fillOf(init, fanIn, fanOut)
    Object.assign(this, factors, piece)
    this.frozen = frozen
    if (frozen) this.trained = false
    const common = { layer, dtype: 'f32', part: this.part, shape: dims, permanent: true } as const
    this.master = new Value({ name, ...common })
    this.master.needsGradient = this.trained
    this.gradient = new Value({ name: 'gradient', ...common, isParameterGradient: true })
    if (dims.length === 1) this.settle('a', elements(dims) * 4)
  }

  /** Offset in bytes of the piece in the whole parameter, row-major f32. */
  get offset(): number {
    return this.from * elements(this.whole.slice(1)) * 4
  }

  /** Sets the layout of master weights and gradient. Called once. */
  settle(layout: string, bytes: number): void {
    for (const value of [this.master, this.gradient]) {
      value.layout = layout
      value.bytes = bytes
    }
  }
}
