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

/** What turns logits [N, classes] into probabilities: all of a row together, or each class by itself. */
export type HeadFunction = 'softmax' | 'sigmoid'

/**
 * What follows a net's logits.
 *
 * - `loss` 'softmax': cross-entropy with their softmax. 'sigmoid': cross-entropy with their sigmoids p, clipped to
 *   [1e-7, 1 - 1e-7] and divided by their sum: -log(p_label / Σ p), Keras's sparse categorical cross-entropy of
 *   sigmoids. It only sees ratios, so all sigmoids may grow together at no cost, and a sigmoid near 0 or 1 hardly
 *   learns: for classes of which one is right, softmax is the better choice.
 * - `output`: what predictions are.
 *
 * A name alone stands for both.
 */
export interface Head {
  /** The function whose cross-entropy is the loss. */
  readonly loss: HeadFunction
  /** The function that makes probabilities of the last layer's values. */
  readonly output: HeadFunction
}

/** A net: its input, and its layers in order. */
export interface NetSpec {
  /** Shown to people and written to checkpoints. */
  readonly name: string
  /** Size of one input image. */
  readonly input: InputShape
  /** What follows the logits. */
  readonly head: Head
  /** In order. */
  readonly layers: readonly PlacedNode[]
}
