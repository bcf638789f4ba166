/** What a run starts from, by `--from`, `--freeze` and `--head-lr`: checked before the run has a folder. */
import type { Dataset } from '../../data/dataset.ts'
import { type OpenDataOptions, openData } from '../../data/open.ts'
import { frozenLayers, headOf } from '../../net/freeze.ts'
import { netByName } from '../../net/models/index.ts'
import { readRunData } from '../../run/data.ts'
import { freezeOf } from '../../run/freeze.ts'
import { netOf, recipeOf } from '../../run/recipes/plan.ts'
import { peekSettings } from '../../run/saved-settings.ts'
import type { TrainSettings } from '../../run/settings.ts'
import type { LayerFit } from '../../run/take-weights.ts'
import type { TrainingRun } from '../../run/training-run.ts'
import { photosOf } from '../../use/photo-form.ts'
import { fitStart, openStart, type Start, startData, withStatistics } from '../../use/start.ts'
import { messageOf, UsageError } from '../shared/program.ts'
import type { TrainArguments } from './arguments.ts'

type Layers = Pick<TrainSettings, 'net' | 'recipe' | 'ablate' | 'freeze' | 'headLr'>

/** The weights that a run starts from, and what it takes over with them. */
export interface Begun {
  readonly start: Start
  readonly taken: LayerFit
  /** As the net takes it. */
  readonly data: Dataset
  /** Settings that follow from the start. */
  readonly settings: Pick<TrainSettings, 'input'>
  /** True if images are normed as those were that the weights were trained on. */
  readonly normed: boolean
  readonly notes: readonly string[]
}

/** True for a run that is new: it has no folder yet. */
export async function isNew({ resume, out }: TrainArguments): Promise<boolean> {
  return !resume || Object.keys(await peekSettings(out)).length === 0
}

/** @throws UsageError for layers that the net does not have, and for options that have no effect */
export function checkLayers(settings: Layers & Pick<TrainSettings, 'from' | 'ownInput'>): void {
  const { net, headLr, from, ownInput } = settings
  try {
    const definition = netByName(net, recipeOf(settings)?.net.options ?? {})
    const frozen = frozenLayers(definition, freezeOf(settings))
    const head = headOf(definition) ?? ''
    if (headLr !== undefined && frozen.has(head)) {
      throw new Error(`--head-lr is for ${head}, which --freeze keeps as it is: leave one out.`)
    }
    if (ownInput && from === undefined) {
      throw new Error('--own-input is for runs that start --from other weights.')
    }
  } catch (error) {
    throw new UsageError(`alexnode train: ${messageOf(error)}`, { cause: error })
  }
}

/**
 * Opens the weights that settings name, and the data for them.
 * @throws PlainError for weights that do not fit
 */
export async function begin(
  settings: Pick<TrainSettings, 'data' | 'ownInput' | 'input'> & Layers & { readonly from: string },
  options: OpenDataOptions
): Promise<Begun> {
  const { data: name, ownInput = false, recipe, from } = settings
  const start = await openStart(from, settings.net)
  const statistics = ownInput ? undefined : start.statistics
  const photos = statistics && { photos: photosOf(statistics) }
  const opened = await openData(name, { ...options, ...ofRecipe(settings), ...photos })
  const { channels, classes } = opened.train
  const definition = netOf(settings, { channels, classes: classes.length })
  const frozen = frozenLayers(definition, freezeOf(settings))
  const taken = await fitStart(start, definition, classes, frozen)
  // A recipe has an input of its own.
  const input = recipe === undefined && !ownInput ? start.input : undefined
  const {
    data,
    input: own,
    notes
  } = startData({ ...(statistics && { statistics }), input }, opened, definition.input)
  return {
    start,
    taken,
    data,
    settings: { ...(own && { input: own }) },
    normed: data !== opened,
    notes
  }
}

/** What a run starts from that was opened before, and has no steps yet; undefined for others. */
export async function beginAgain(
  { settings, step }: Pick<TrainingRun, 'settings' | 'step'>,
  options: OpenDataOptions
): Promise<Begun | undefined> {
  const { from } = settings
  return from !== undefined && step === 0 ? begin({ ...settings, from }, options) : undefined
}

/** Opens the data of a run that goes on, as it had them before. */
export async function openAgain(
  { settings, folder }: Pick<TrainingRun, 'settings' | 'folder'>,
  options: OpenDataOptions
): Promise<Dataset> {
  const { from, ownInput = false, meanFile, data } = settings
  const usual = { ...options, ...ofRecipe(settings) }
  const own = from === undefined || ownInput
  if (own && meanFile === undefined) return openData(data, usual)
  const before = await readRunData(folder)
  return withStatistics(await openData(data, { ...usual, photos: photosOf(before) }), before)
}

/** How pictures are prepared for a recipe. */
export function ofRecipe(settings: Partial<TrainSettings>): OpenDataOptions {
  const { filter } = recipeOf(settings)?.photos ?? {}
  return filter ? { photos: { filter } } : {}
}
