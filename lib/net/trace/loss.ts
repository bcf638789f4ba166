/** The end of a replica's forward pass: the loss of the logits, and probabilities in a build for inference. */
import type { Tape } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'
import type { TraceContext } from './context.ts'
import { ioValue, type StepIO } from './step-io.ts'

export interface Loss extends Omit<StepIO, 'input' | 'rng' | 'ok'> {
  /** Gradient of the logits; only for training. */
  readonly dlogits: Value | undefined
}

/**
 * @param tape of the part that computes the loss
 * @param output of the last layer: [N, classes]
 */
export async function addLoss(
  { spec, dtype, training, batch }: TraceContext,
  tape: Tape,
  output: Value
): Promise<Loss> {
  const logits = await tape.inLayout(output, 'ab')
  const [, classes = 0] = output.dims
  tape.at('input', 'forward')
  const labels = ioValue(tape, 'labels', 'i32', [batch])
  const valid = ioValue(tape, 'valid', 'i32', [1])
  const scale = ioValue(tape, 'scale', 'f32', [1])
  const smoothing = training ? ioValue(tape, 'smoothing', 'f32', [1]) : undefined
  const stats = ioValue(tape, 'stats', 'f32', [5])
  tape.at('loss', 'forward')
  const dlogits = training ? tape.value('dx', dtype) : undefined
  await tape.call(
    spec.head.loss === 'sigmoid' ? 'sigmoid_cross_entropy' : 'cross_entropy',
    { topk: Math.min(5, classes) },
    { dlogits, stats, logits, labels, valid, scale, smoothing }
  )
  let probabilities: Value | undefined
  if (!training) {
    probabilities = tape.permanent('probabilities', dtype)
    await tape.call(spec.head.output, {}, { y: probabilities, x: logits })
  }
  return { labels, valid, scale, smoothing, stats, logits, probabilities, dlogits }
}
