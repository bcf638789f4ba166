/** The mean that `--mean-file` names, checked before the run has a folder. */
import type { Dataset } from '../../data/dataset.ts'
import { type OpenDataOptions, openData } from '../../data/open.ts'
import { netOf, recipeOf } from '../../run/recipes/plan.ts'
import type { TrainSettings } from '../../run/settings.ts'
import type { TrainingRun } from '../../run/training-run.ts'
import { resolveInput } from '../../training/input/augment.ts'
import { meanInput, withMean } from '../../use/mean.ts'
import { foreign } from '../../util/foreign.ts'
import { type MeanFile, readMeanFile } from '../../weights/caffe/mean.ts'
import type { WeightsFile } from '../../weights/format.ts'
import { UsageError } from '../shared/program.ts'
import { type Begun, ofRecipe } from './start.ts'

/** What is used of a run's start. */
interface Opened extends Pick<Begun, 'data' | 'settings'> {
  readonly start: { readonly file: Pick<WeightsFile, 'format'> }
}

/** Data with the mean of a file. */
export interface WithMean {
  readonly data: Dataset
  /** Settings that follow from it. */
  readonly settings: Pick<TrainSettings, 'input'>
  /** For people, a sentence or two. */
  readonly note: string
}

type Settings = Pick<TrainSettings, 'net' | 'recipe' | 'ablate' | 'data' | 'input'> & {
  readonly meanFile: string
}

/**
 * Reads a mean file, and gives the data its mean.
 *
 * @param begun what the run starts from, with its data
 * @throws UsageError for a recipe that subtracts no mean
 * @throws DamagedFileError, DiskError for another file, a damaged one, and one that cannot be read
 * @throws PlainError for a mean that does not suit the images
 */
export async function takeMean(
  settings: Settings,
  begun: Opened | undefined,
  options: OpenDataOptions
): Promise<WithMean> {
  const { meanFile: path } = settings
  const recipe = recipeOf(settings)
  if (recipe?.input.mean === 'none') {
    throw new UsageError(
      `alexnode train: --mean-file has no effect, as the recipe ${settings.recipe} subtracts no mean: leave one out.`
    )
  }
  const file = await readMeanFile(path)
  const opened =
    begun?.data ?? (await openData(settings.data, { ...options, ...ofRecipe(settings) }))
  const data = withMean(opened, file, path)
  const note = noteOf(path, file, opened.train.meanImage !== undefined)
  if (recipe) return { data, settings: {}, note }
  const { train } = data
  const definition = netOf(settings, { channels: train.channels, classes: train.classes.length })
  const given = begun?.settings.input ?? settings.input
  // Caffe divides by nothing, unless a net's input says so, which its files of weights do not tell.
  const caffe = begun?.start.file.format === 'caffe' && given === undefined
  const usual = resolveInput(given, train, definition.input)
  const input = meanInput(usual, file, given, caffe ? 1 : undefined)
  const raw = caffe ? ' It is divided by nothing, as in Caffe.' : ''
  return { data, settings: { input }, note: `${note}${raw}` }
}

/** The mean file of a run that was opened before, and has no steps yet; undefined for others. */
export async function takeMeanAgain(
  { settings, step }: Pick<TrainingRun, 'settings' | 'step'>,
  begun: Opened | undefined,
  options: OpenDataOptions
): Promise<WithMean | undefined> {
  const { meanFile } = settings
  return meanFile !== undefined && step === 0
    ? takeMean({ ...settings, meanFile }, begun, options)
    : undefined
}

function noteOf(path: string, { shape, data }: MeanFile, replaced: boolean): string {
  const [height, width] = shape
  const what =
    shape.length === 3
      ? `${height}×${width} pixels`
      : `by channel: ${[...data].map(rounded).join(', ')}`
  const instead = replaced ? "the images' own mean image" : "the images' own mean"
  return `The mean in ${foreign(path)} (${what}) replaces ${instead}.`
}

const rounded = (value: number) => value.toFixed(1)
