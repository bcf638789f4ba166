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

/** Turns logits [N, classes] into probabilities: 'softmax' over each row, or 'sigmoid' of each logit. */
export type HeadFunction = 'softmax' | 'sigmoid'

/**
 * What follows a net's logits.
 *
 * - `loss` 'softmax': cross-entropy with their softmax. 'sigmoid': cross-entropy with their sigmoids p, clipped to
 *   [1e-7, 1 - 1e-7] and divided by their sum: -log(p_label / Σ p), Keras's sparse categorical cross-entropy of
 *   sigmoids. It depends on ratios alone: all sigmoids may grow together without changing the loss, and the gradient
 *   of a sigmoid near 1 is almost 0. For classes of which one is right, softmax is the better choice.
 * - `output`: the function that gives the predicted probabilities. Rows of 'sigmoid' do not add up to 1.
 *
 * A name alone stands for both.
 */
export interface Head {
  /** The function whose cross-entropy is the loss. */
  readonly loss: HeadFunction
  /** The function that turns logits into predicted probabilities. */
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
