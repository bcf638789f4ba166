/** The values through which a step reads its batch and writes its results. */
import type { DType } from '../../native/dtype.ts'
import { elements, type Shape } from '../../native/layout.ts'
import type { Tape } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'

/** What a part of a build reads from outside. */
export interface StepInputs {
  /** [N, C, H, W] in the build's dtype, in the layout of the first layer. */
  readonly input: Value
  /** u32[4]: seed, step, first sample. */
  readonly rng: Value
  /** i32[1]: 0 once a gradient was not finite. */
  readonly ok: Value
}

/** What a replica reads and writes, on the part that computes its loss. */
export interface StepIO extends StepInputs {
  /** i32[N] */
  readonly labels: Value
  /** i32[1]: how many of the batch's rows count. */
  readonly valid: Value
  /** f32[1]: factor on the gradient of the loss. */
  readonly scale: Value
  /** f32[1]: label smoothing, the share of the target that goes to all classes; only for training. */
  readonly smoothing: Value | undefined
  /** f32[5]: mean loss, top-1 count, top-5 count, labels out of range, losses that are not finite. */
  readonly stats: Value
  /** [N, classes] */
  readonly logits: Value
  /** [N, classes]: softmax or sigmoids of the logits, as the net's head says; only for inference. */
  readonly probabilities: Value | undefined
}

/** Creates a row-major vector of 4-byte numbers that is read or written from outside. */
export function ioValue(tape: Tape, name: string, dtype: DType, shape: Shape): Value {
  const value = tape.permanent(name, dtype, shape, 'a')
  value.bytes = elements(shape) * 4
  return value
}
