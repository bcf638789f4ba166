/** Results of the judges that are kept in small files: their folder, and the case that made them. */
import { join } from 'node:path'
import { GENTLE, type KerasCase } from './keras-fashion.ts'

export const keptFolder = join(import.meta.dirname, 'kept')

/** Weights by seed and generated images: the same on every machine. */
export const keptCase: KerasCase = {
  name: 'our weights, drawn images',
  weights: 'ours',
  loss: 'logits',
  rate: GENTLE
}
