import { type Freeze, headOf } from '../net/freeze.ts'
import type { NetSpec } from '../net/spec.ts'
import type { TrainSettings } from './train-settings.ts'

/** What the setting `freeze` says, for a build's option of the same name. */
export function freezeOf({ freeze }: Pick<TrainSettings, 'freeze'>): Freeze | undefined {
  if (freeze === undefined || freeze === 'features' || freeze === 'all-but-head') return freeze
  const names = freeze.split(',').map((name) => name.trim())
  return names.filter((name) => name !== '')
}

/** What the setting `headLr` says, for `train`'s option `rates`; undefined if it is not given. */
export function headRates(
  { headLr }: Pick<TrainSettings, 'headLr'>,
  definition: Pick<NetSpec, 'layers'>
): Readonly<Record<string, number>> | undefined {
  const head = headOf(definition)
  return headLr === undefined || head === undefined ? undefined : { [head]: headLr }
}
