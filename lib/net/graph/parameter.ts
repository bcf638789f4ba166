/** A parameter: what a layer says of it, and the f32 master weights and gradient that a build holds of it. */
import type { Stream } from '../../engine/stream.ts'
import { elements, type Shape } from '../../native/layout.ts'
import { type Fill, fillOf, type Init } from './init.ts'
import { Value } from './value.ts'

/** What a layer says of one of its parameters. */
export interface ParameterSpec {
  /** Within the layer: 'weight', 'bias', … */
  readonly name: string
  /** Public shape: [O, C, kh, kw] or [out, in]. */
  readonly shape: Shape
  /** As the ops take it, where that differs: [g, O/g, C/g, kh, kw]. The same elements in the same order. */
  readonly dims?: Shape
  readonly init: Init
  readonly fanIn?: number
  readonly fanOut?: number
  /** Factor on the learning rate. Default 1. */
  readonly rate?: number
  /** Factor on the weight decay. Default 1. */
  readonly decay?: number
  /** False for running statistics, which no optimizer touches. Default true. */
  readonly trained?: boolean
}

/** What one device holds of a parameter: rows of its first axis, or all of it. */
export interface Piece {
  /** Which of the build's parts holds it. */
  readonly part: number
  /** The first of its rows. */
  readonly from: number
  /** The public shape of the whole. */
  readonly whole: Shape
  /** How the whole begins. */
  readonly fill: Fill
  /** Whether another part's piece has the same numbers, and stands for both. */
  readonly copy: boolean
}

/** A parameter; where several devices share it out, one device's piece of it. */
export class Parameter implements Piece {
  /** 'conv1.weight' */
  readonly name: string
  readonly layer: string
  /** 'weight' */
  readonly kind: string
  /** Public; of the piece. */
  readonly shape: Shape
  readonly part: number
  readonly from: number
  readonly whole: Shape
  readonly copy: boolean
  readonly dims: Shape
  readonly fill: Fill
  readonly rate: number
  readonly decay: number
  readonly trained: boolean
  /** f32, in the layout that the first op to read it settled. */
  readonly master: Value
  /** f32, in the same layout. */
  readonly gradient: Value
  /** The stream that updates it. */
  home: Stream | undefined

  constructor(layer: string, spec: ParameterSpec, piece?: Piece) {
    this.name = `${layer}.${spec.name}`
    this.layer = layer
    this.kind = spec.name
    this.shape = spec.shape
    this.dims = spec.dims ?? spec.shape
    this.part = piece?.part ?? 0
    this.from = piece?.from ?? 0
    this.whole = piece?.whole ?? spec.shape
    this.copy = piece?.copy ?? false
    this.fill = piece?.fill ?? fillOf(spec.init, spec.fanIn ?? 1, spec.fanOut ?? 1)
    this.rate = spec.rate ?? 1
    this.decay = spec.decay ?? 1
    this.trained = spec.trained ?? true
    const { part, dims: shape } = this
    const common = { layer, dtype: 'f32', part, shape, permanent: true } as const
    this.master = new Value({ name: this.name, ...common })
    this.gradient = new Value({ name: 'gradient', ...common, gradient: true })
    this.master.trained = this.trained
    if (this.dims.length === 1) this.settle('a', elements(this.dims) * 4)
  }

  /** Where the piece's bytes begin in the whole, row-major in f32. */
  get offset(): number {
    return this.from * elements(this.whole.slice(1)) * 4
  }

  /** Decides the masters' layout, once. */
  settle(layout: string, bytes: number): void {
    for (const value of [this.master, this.gradient]) {
      value.layout = layout
      value.bytes = bytes
    }
  }
}
