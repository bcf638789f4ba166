/** A net as plain data. */
import type { PlacedNode } from './fuse.ts'

/** Size of one input image: [C, H, W]. */
export interface InputShape {
  /** 1 for grey images, 3 for colour. */
  readonly channels: number
  /** In pixels. */
  readonly height: number
  /** In pixels. */
  readonly width: number
}

/** A net: its input, and its layers in order. */
export interface NetSpec {
  /** Shown to people and written to checkpoints. */
  readonly name: string
  /** Size of one input image. */
  readonly input: InputShape
  /** In order. */
  readonly layers: readonly PlacedNode[]
}
