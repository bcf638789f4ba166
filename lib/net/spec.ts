/** A net as plain data: what its definition says, and what draft and build read. */
import type { PlacedNode } from './fuse.ts'

/** Of one image. */
export interface InputShape {
  readonly channels: number
  readonly height: number
  readonly width: number
}

/** A net: its input, and its layers in order. */
export interface NetSpec {
  /** For people and checkpoints. */
  readonly name: string
  readonly input: InputShape
  readonly layers: readonly PlacedNode[]
}
