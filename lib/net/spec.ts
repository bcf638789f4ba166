/** A net as plain data. */
import type { PlacedNode } from './fuse.ts'

/** Size of one input image: [channels, height, width]. */
export interface InputShape {
  readonly channels: number
  /** In pixels, like width. */
  readonly height: number
  readonly width: number
}

/** A net: its input, and its layers in order. */
export interface NetSpec {
  /** Shown to people and written to checkpoints. */
  readonly name: string
  readonly input: InputShape
  readonly layers: readonly PlacedNode[]
}
