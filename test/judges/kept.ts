/** What judges gave once, kept in small files: what made them, and where they lie. */
import { join } from 'node:path'
import { GENTLE, type KerasCase } from './keras-fashion.ts'

export const keptFolder = join(import.meta.dirname, 'kept')

/**
 * From our weights, which their seed decides, and drawn images: on every machine the same.
 */
export const keptCase: KerasCase = {
  name: 'our weights, drawn images',
  weights: 'ours',
  loss: 'logits',
  rate: GENTLE
}
