import type { Dataset, ImageSet } from '../data/dataset.ts'
import { holdOut } from '../data/hold-out.ts'
import type { ValidationOptions } from '../training/loop/validation.ts'
import type { TrainSettings } from './settings.ts'

/** Whether settings ask for validations while the run goes on. */
function isValidated(settings: Partial<TrainSettings>): boolean {
  const { validate = false, validateEvery, holdOut, patience, schedule } = settings
  const asked = validateEvery !== undefined || holdOut !== undefined || patience !== undefined
  return validate || asked || schedule === 'plateau'
}

/**
 * What settings make of a set: the images to train on, and, where they ask for validations, how. Those are made
 * on the training images that are held out, or else on the test images.
 */
export function partData(
  settings: TrainSettings,
  data: Dataset
): {
  readonly images: ImageSet
  readonly validation?: Pick<ValidationOptions, 'set' | 'every' | 'patience'>
} {
  if (!isValidated(settings)) return { images: data.train }
  const { validateEvery: every, patience, holdOut: count, seed } = settings
  const parts = count === undefined ? undefined : holdOut(data.train, count, seed)
  const validation = { set: parts?.held ?? data.test, every, patience }
  return { images: parts?.rest ?? data.train, validation }
}
