import type { Dataset } from '../../data/dataset.ts'
import { datasetRule } from '../../data/rules.ts'
import type { NetDefinition } from '../../net/definition.ts'
import type { Freeze } from '../../net/freeze.ts'
import { netByName } from '../../net/models/index.ts'
import { evenStart } from '../../net/models/start.ts'
import type { Optimizer } from '../../optim/optimizer.ts'
import {
  type Courses,
  constant,
  cosine,
  plateau,
  type Schedule,
  warmCosine,
  warmUp
} from '../../optim/schedule.ts'
import type { InputRecipe } from '../../training/input/augment.ts'
import { ImageOrder } from '../../training/loop/image-order.ts'
import type { Sampling } from '../../training/loop/sampling.ts'
import { checkArguments } from '../../util/check/check.ts'
import { record, whole } from '../../util/check/rules.ts'
import { freezeOf, headRates } from '../freeze.ts'
import { netSettingsRule, optimizerOf, settingsRule, type TrainSettings } from '../settings.ts'
import { ablationsIn } from './ablation.ts'
import { recipeByName } from './index.ts'
import { coloured, recipeData, type Suitable, suitInput } from './input.ts'
import type { Recipe } from './recipe.ts'
import { recipeCourses, recipeOptimizer } from './run.ts'

/** By the settings' names. A recipe changes rates by its courses instead. */
const schedules = {
  constant,
  warmConstant: () => warmUp({ steps: 20 }),
  cosine,
  warmCosine,
  plateau,
  recipe: constant
} as const

/** What `train` and `evaluate` take for a run, by its settings and data. */
export interface Plan {
  /** The net. */
  readonly definition: NetDefinition
  /** For the option of `definition.build`. Undefined: nothing is frozen. */
  readonly freeze?: Freeze
  /** For `train`'s option of the same name, as the next three. */
  readonly optimizer: Optimizer
  /** Factor on the learning rate. */
  readonly schedule: Schedule
  /** Factors of each parameter. Undefined: none. */
  readonly courses?: Courses
  /** Factors on the rate by layer. Undefined: none. */
  readonly rates?: Readonly<Record<string, number>>
  /** How images become the net's input. Undefined: as `train` does without. */
  readonly input?: InputRecipe
  /** How images are drawn. Undefined: each once an epoch. */
  readonly sampling?: Sampling
  /** Views of an image that the test takes. */
  readonly views: 1 | 10
  /** The data: the images that the recipe takes, with the statistics that the input needs. */
  readonly data: Dataset
  /** Notes for people, a sentence each. */
  readonly notes: readonly string[]
}

/** The recipe that settings name, with their ablations; undefined if they name none. */
export function recipeOf({ recipe, ablate }: Partial<TrainSettings>): Recipe | undefined {
  return recipe === undefined
    ? undefined
    : recipeByName(recipe, ablate === undefined ? [] : ablationsIn(ablate))
}

interface NetData {
  readonly channels: number
  readonly classes: number
}
const netData = record<NetData>({ channels: whole({ from: 1 }), classes: whole({ from: 1 }) })

/**
 * Defines the net of a run's settings, for its data.
 *
 * @throws Error for a net or a recipe that does not exist
 *
 * @example
 * const definition = netOf(run.settings, { channels: 3, classes: data.classes.length })
 */
export function netOf(
  settings: Pick<TrainSettings, 'net' | 'recipe' | 'ablate'>,
  data: { readonly channels: number; readonly classes: number }
): NetDefinition {
  checkArguments('run', { settings: [settings, netSettingsRule], data: [data, netData] })
  const { channels, classes } = data
  const options = recipeOf(settings)?.net.options
  return netByName(settings.net, { ...options, channels, classes })
}

/** The input of a net that was trained by a recipe, without random draws; undefined without a recipe. */
export function testInputOf(
  settings: Pick<TrainSettings, 'recipe' | 'ablate'>,
  set: Suitable,
  size: { readonly height: number; readonly width: number }
): InputRecipe | undefined {
  const recipe = recipeOf(settings)
  if (!recipe) return undefined
  const { colour: _, ...input } = suitInput(recipe, set, size).input
  return input
}

/** A recipe's settings, as defaults of a run. */
export function recipeDefaults(
  recipe: Recipe
): Pick<
  TrainSettings,
  | 'net'
  | 'batch'
  | 'epochs'
  | 'steps'
  | 'optimizer'
  | 'lr'
  | 'momentum'
  | 'weightDecay'
  | 'schedule'
> &
  Partial<Pick<TrainSettings, 'beta2'>> {
  const { net, batch, epochs, steps, rates, update, decay } = recipe
  return {
    net: net.name,
    batch,
    ...(steps === undefined ? { epochs } : { steps }),
    ...(update.form === 'adam'
      ? { optimizer: 'adam', momentum: update.beta1, beta2: update.beta2 }
      : { optimizer: 'sgd', momentum: update.momentum }),
    lr: rates.weight.rate,
    weightDecay: decay.weight,
    schedule: rates.weight.plateau ? 'plateau' : 'recipe'
  }
}

/**
 * Makes everything that `train` and `evaluate` take for a run, by its settings and data, with a recipe or without.
 *
 * @throws Error for a net or a recipe that does not exist
 *
 * @example
 * const { definition, optimizer, schedule, courses, input } = planOf(settings, data)
 */
export function planOf(settings: TrainSettings, dataset: Dataset): Plan {
  checkArguments('run', { settings: [settings, settingsRule], dataset: [dataset, datasetRule] })
  const recipe = recipeOf(settings)
  const data = recipe ? recipeData(recipe, dataset) : dataset
  const { train } = data
  const net = netOf(settings, { channels: train.channels, classes: train.classes.length })
  const definition = settings.start === 'even' ? evenStart(net) : net
  const freeze = freezeOf(settings)
  const rates = headRates(settings, definition)
  const layers = { ...(freeze && { freeze }), ...(rates && { rates }) }
  if (!recipe) {
    const schedule = schedules[settings.schedule]()
    const input = settings.input && { input: settings.input }
    const optimizer = optimizerOf(settings)
    return { definition, ...layers, optimizer, schedule, ...input, views: 1, data, notes: [] }
  }
  const { optimizer: kind, momentum, beta2, weightDecay, batch, accumulate = 1, steps } = settings
  const { holdOut = 0 } = settings
  const { sampling } = recipe
  const { perEpoch } = new ImageOrder({
    length: train.length - holdOut,
    batch: batch * accumulate,
    seed: settings.seed,
    sampling
  })
  const epochs = steps === undefined ? (settings.epochs ?? recipe.epochs) : steps / perEpoch
  const suited = suitInput(recipe, train, definition.input, epochs)
  const { input, notes } = suited
  const views = input.fit === 'resize' ? 1 : recipe.test.views
  const own = settings.schedule === 'recipe'
  const drop = settings.schedule === 'plateau' ? recipe.rates.weight.plateau : undefined
  return {
    definition,
    ...layers,
    optimizer:
      kind === recipeDefaults(recipe).optimizer
        ? recipeOptimizer(recipe, { momentum, beta2, weightDecay })
        : optimizerOf(settings),
    schedule: drop ? plateau(drop) : schedules[settings.schedule](),
    courses: recipeCourses(recipe, own),
    input,
    ...(sampling && { sampling }),
    views,
    data: suited.borrowed ? { ...data, train: coloured(train), test: coloured(data.test) } : data,
    notes: [
      ...departures(recipe, settings),
      ...(own ? stretched(recipe, epochs) : []),
      ...notes,
      ...(views === recipe.test.views ? [] : ['The test takes one view of an image, not ten.'])
    ]
  }
}

/** How settings differ from the recipe. */
function departures(recipe: Recipe, settings: TrainSettings): string[] {
  const { epochs, steps, ...rest } = settings
  const { epochs: usual, steps: ofRecipe, ...defaults } = recipeDefaults(recipe)
  const given: Readonly<Record<string, unknown>> = { ...rest }
  const others = Object.entries(defaults).flatMap(([name, value]) =>
    given[name] === value ? [] : [`${words[name] ?? name} ${given[name]} instead of ${value}`]
  )
  const length = (inSteps: number | undefined, inEpochs: number | undefined) =>
    inSteps === undefined ? `${inEpochs} epochs` : `${inSteps} steps`
  const [now, then] = [length(steps, epochs), length(ofRecipe, usual)]
  if (now !== then) others.push(`${now} instead of ${then}`)
  return others.length === 0 ? [] : [`Not as in the recipe, as asked for: ${others.join(', ')}.`]
}

const words: Readonly<Record<string, string>> = { lr: 'rate', weightDecay: 'weight decay' }

function stretched({ epochs: usual, rates }: Recipe, epochs: number): string[] {
  const changes = [rates, ...Object.values(rates.layers ?? {})].flatMap(({ weight, bias }) => [
    ...(weight.changes ?? []),
    ...(bias.changes ?? [])
  ])
  if (Math.abs(epochs - usual) < 1e-6 || changes.length === 0) return []
  const places = [...new Set(changes.map(({ epoch }) => Math.round((100 * epoch) / usual)))]
  const list = places.sort((a, b) => a - b).join(', ')
  return [`Its rates change in proportion to the length: after ${list} % of the run.`]
}
