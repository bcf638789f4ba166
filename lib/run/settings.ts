/** What a training run is made of: given, saved with it, and the same when it goes on. */

import type { FloatDType } from '../native/dtype.ts'
import { adam, type Optimizer, sgd } from '../optim/optimizer.ts'
import type { InputRecipe } from '../training/input/augment.ts'
import { isObject } from '../util/files/json.ts'

/** Everything that decides the numbers of a run, besides device and threads. Flags that are not set are left out. */
export interface TrainSettings {
  /** One of `recipeNames`; what follows is then as it says, unless it is given. */
  readonly recipe?: string
  /** Of `ablationNames`, with commas between them: the recipe is without these things. */
  readonly ablate?: string
  /** One of `netNames`. */
  readonly net: string
  /** As `openData` takes it; left out: Fashion-MNIST, or `shapes` where that cannot be had. */
  readonly data?: string
  readonly dtype: FloatDType
  /** On a GPU: the factors of f32 products are rounded to TF32. */
  readonly tf32?: boolean
  /** On a GPU: equal runs give equal bits. */
  readonly deterministic?: boolean
  /** Images of a batch. */
  readonly batch: number
  /** Steps in all, instead of epochs. Neither these nor epochs: as many as fit the time. */
  readonly steps?: number
  readonly epochs?: number
  /** What moves the weights: see `optimizerOf`. */
  readonly optimizer: 'sgd' | 'adam'
  /** Learning rate at the start. */
  readonly lr: number
  /** For adam: its β₁. */
  readonly momentum: number
  /** Adam's β₂; sgd has none. */
  readonly beta2: number
  readonly weightDecay: number
  /** How the rate goes on. */
  readonly schedule: 'constant' | 'cosine' | 'warmCosine' | 'plateau' | 'recipe'
  /** Share of the loss's target that goes to all classes alike. */
  readonly labelSmoothing?: number
  /** The largest norm of the gradient. */
  readonly clipNorm?: number
  /** How much of the weights' moving average is left after a step. */
  readonly ema?: number
  /** Batches that make one update, which is a step. */
  readonly accumulate?: number
  /** Validate at the end of each epoch. So do all that follow here, and the schedule plateau. */
  readonly validate?: boolean
  /** Validate every so many steps instead. */
  readonly validateEvery?: number
  /** Training images that are held out for validations; else they are made on the test images. */
  readonly holdOut?: number
  /** End when so many validations in a row were not the best. */
  readonly patience?: number
  /** How stored bytes become the net's input, where that is not as usual. */
  readonly input?: InputRecipe
  readonly seed: number
}

/** The optimizer that settings ask for. */
export function optimizerOf(settings: TrainSettings): Optimizer {
  const { optimizer, momentum, beta2, weightDecay } = settings
  if (optimizer === 'sgd') return sgd({ momentum, weightDecay })
  return adam({ beta1: momentum, beta2, weightDecay })
}

/** The settings of a run that goes on are not those it was started with. */
export class SettingsError extends Error {
  override name = 'SettingsError'
}

/** What people call the settings. */
const flags: Readonly<Record<keyof TrainSettings, string>> = {
  recipe: '--recipe',
  ablate: '--ablate',
  net: '--net',
  data: '--data',
  dtype: '--dtype',
  tf32: '--tf32',
  deterministic: '--deterministic',
  batch: '--batch',
  steps: '--steps',
  epochs: '--epochs',
  optimizer: '--optimizer',
  lr: '--lr',
  momentum: '--momentum',
  beta2: '--beta2',
  weightDecay: '--weight-decay',
  schedule: '--schedule',
  labelSmoothing: '--label-smoothing',
  clipNorm: '--clip-norm',
  ema: '--ema',
  accumulate: '--accumulate',
  validate: '--validate',
  validateEvery: '--validate-every',
  holdOut: '--hold-out',
  patience: '--patience',
  input: 'input',
  seed: '--seed'
}

/**
 * The settings of a run: those given, else those saved with it, else the defaults.
 *
 * @param before what was saved, where there is something
 * @param fixed whether it goes on from a checkpoint, so that the numbers must go on, too
 * @throws SettingsError naming what was given differently than before
 */
export function settle(
  given: Partial<TrainSettings>,
  before: unknown,
  defaults: TrainSettings,
  fixed: boolean
): TrainSettings {
  const saved = isObject(before) ? before : {}
  const known = Object.keys(flags).filter((name) => saved[name] !== undefined)
  const length = given.steps !== undefined || given.epochs !== undefined
  // How long a run is may be said anew, unless its rates depend on it.
  const free = saved.schedule === 'constant' || saved.schedule === 'plateau'
  const old = Object.fromEntries(
    known
      .filter((name) => !(length && (free || !fixed) && isLength(name)))
      .map((name) => [name, saved[name]])
  )
  if (fixed && known.length > 0) refuseChanges(given, saved, free)
  // Rates of a run whose length is given are what was asked for; one cut to fit the time ends at 0.
  const own = defaults.recipe !== undefined
  const schedule = length && !own ? 'constant' : defaults.schedule
  return { ...defaults, schedule, ...old, ...given }
}

function isLength(name: string): boolean {
  return name === 'steps' || name === 'epochs'
}

function refuseChanges(
  given: Partial<TrainSettings>,
  saved: Readonly<Record<string, unknown>>,
  free: boolean
): void {
  const changes = Object.entries(given).flatMap(([name, value]) => {
    if (value === saved[name] || (free && isLength(name))) return []
    return [`${flagOf(name)} was ${saved[name] ?? 'not given'} and is ${value}`]
  })
  if (changes.length === 0) return
  throw new SettingsError(
    `[resume] expected the options the run was started with; ${changes.join(', ')}: leave them out, ` +
      'or start a new run without --resume'
  )
}

function flagOf(name: string): string {
  return Object.entries(flags).find(([key]) => key === name)?.[1] ?? name
}
