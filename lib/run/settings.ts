import { floatDTypes } from '../native/dtype.ts'
import { adam, decayRule, momentumRule, type Optimizer, sgd } from '../optim/optimizer.ts'
import { inputRule } from '../training/input/input-rule.ts'
import { checkArguments } from '../util/check/check.ts'
import {
  anyText,
  f32,
  flag,
  maybe,
  number,
  oneOf,
  positive,
  type Rule,
  type Rules,
  record,
  seed,
  text,
  whole
} from '../util/check/rules.ts'
import { isObject } from '../util/files/json.ts'
import { PlainError, shown } from '../util/foreign.ts'
import { flagOf, settingNames } from './flags.ts'
import type { TrainSettings } from './train-settings.ts'

export type { TrainSettings } from './train-settings.ts'

const required = {
  // A program may train a net of its own.
  net: text,
  dtype: oneOf(...floatDTypes),
  batch: whole({ from: 1 }),
  optimizer: oneOf('sgd', 'adam'),
  lr: f32({ from: 0 }),
  momentum: momentumRule,
  beta2: f32({ from: 0, below: 1 }),
  weightDecay: decayRule,
  schedule: oneOf('constant', 'warmConstant', 'cosine', 'warmCosine', 'plateau', 'recipe'),
  seed
}
const optional = {
  recipe: maybe(text),
  ablate: maybe(text),
  data: maybe(anyText),
  from: maybe(text),
  ownInput: maybe(flag),
  meanFile: maybe(text),
  freeze: maybe(text),
  headLr: maybe(f32({ from: 0 })),
  gradientDtype: maybe(oneOf('f32', 'bf16')),
  tf32: maybe(flag),
  deterministic: maybe(flag),
  epochs: maybe(number({ from: 0 })),
  steps: maybe(whole({ from: 0 })),
  input: maybe(inputRule),
  labelSmoothing: maybe(f32({ from: 0, below: 1 })),
  clipNorm: maybe(positive),
  ema: maybe(f32({ from: 0, below: 1 })),
  accumulate: maybe(whole({ from: 1 })),
  syncBatchNorm: maybe(flag),
  validate: maybe(flag),
  validateEvery: maybe(whole({ from: 1 })),
  holdOut: maybe(whole({ from: 1 })),
  patience: maybe(whole({ from: 1 })),
  testImages: maybe(whole({ from: 1 })),
  lrAuto: maybe(flag),
  start: maybe(oneOf('published', 'even'))
}
const all: Rules<TrainSettings> = { ...required, ...optional }

export const settingsRule: Rule = record<TrainSettings>(all)

const given: Rules<Partial<TrainSettings>> = {
  ...optional,
  net: maybe(required.net),
  dtype: maybe(required.dtype),
  batch: maybe(required.batch),
  optimizer: maybe(required.optimizer),
  lr: maybe(required.lr),
  momentum: maybe(required.momentum),
  beta2: maybe(required.beta2),
  weightDecay: maybe(required.weightDecay),
  schedule: maybe(required.schedule),
  seed: maybe(required.seed)
}

export const givenRule: Rule = record<Partial<TrainSettings>>(given)

export const fewerRule: Rule = record<Pick<TrainSettings, 'testImages' | 'seed'>>(
  { testImages: optional.testImages, seed: required.seed },
  { open: true }
)

export const netSettingsRule: Rule = record<Pick<TrainSettings, 'net' | 'recipe' | 'ablate'>>(
  { net: required.net, recipe: optional.recipe, ablate: optional.ablate },
  { open: true }
)

/**
 * Makes the optimizer of a run's settings.
 *
 * @example
 * const optimizer = optimizerOf(run.settings)
 * for await (const step of train(net, data.train, { lr: 0.01, optimizer })) await run.log(step)
 */
export function optimizerOf(settings: TrainSettings): Optimizer {
  checkArguments('run', { settings: [settings, settingsRule] })
  const { optimizer, momentum, beta2, weightDecay } = settings
  if (optimizer === 'sgd') return sgd({ momentum, weightDecay })
  return adam({ beta1: momentum, beta2, weightDecay })
}

/** A run was resumed with other settings, or other data, than it was started with. */
export class SettingsError extends PlainError {
  /** 'SettingsError' */
  override name = 'SettingsError'
}

/**
 * Merges the settings of a run: those given, else those saved with it, else the defaults.
 *
 * @param before what was saved, if anything
 * @param fixed true if the run resumes from a checkpoint, so that the settings may not change
 * @throws SettingsError naming the settings that changed
 */
export function resolveSettings(
  given: Partial<TrainSettings>,
  before: unknown,
  defaults: TrainSettings,
  fixed: boolean
): TrainSettings {
  const saved = isObject(before) ? before : {}
  const known = settingNames.filter((name) => saved[name] !== undefined)
  const length = given.steps !== undefined || given.epochs !== undefined
  const free = isFree(saved)
  const old = Object.fromEntries(
    known
      .filter((name) => !(length && (free || !fixed) && isLength(name)))
      .map((name) => [name, saved[name]])
  )
  if (fixed && known.length > 0) refuseChanges(given, saved, free)
  // A run that is cut to fit the time ends at a rate of 0. One whose length is given keeps its rate, and rises to it
  // where the rate is not given.
  const own = defaults.recipe !== undefined
  const steady = given.lr === undefined ? 'warmConstant' : 'constant'
  const schedule = length && !own ? steady : defaults.schedule
  const { clipNorm, start, ...always } = defaults
  // A run that was started without them goes on without them.
  const usual = known.length > 0 ? always : defaults
  return { ...usual, schedule, ...old, ...given }
}

/** True for the settings that say how long a run is. */
export function isLength(name: string): boolean {
  return name === 'steps' || name === 'epochs'
}

/** True if the length of a run may change: its learning rate does not depend on it. */
export function isFree({ schedule }: Readonly<Record<string, unknown>>): boolean {
  return schedule === 'constant' || schedule === 'warmConstant' || schedule === 'plateau'
}

function refuseChanges(
  given: Partial<TrainSettings>,
  saved: Readonly<Record<string, unknown>>,
  free: boolean
): void {
  const changes = Object.entries(given).flatMap(([name, value]) => {
    if (isSame(value, saved[name]) || (free && isLength(name))) return []
    return [`${flagOf(name)} was ${saidOf(saved[name])} and is ${saidOf(value)}`]
  })
  if (changes.length === 0) return
  throw new SettingsError(
    `[resume] expected the options the run was started with; ${changes.join(', ')}: leave them out, ` +
      'or start a new run without --resume'
  )
}

/** True for equal settings, such as two descriptions of one input. */
export function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** A setting's value in a message. */
function saidOf(value: unknown): string {
  return value === undefined ? 'not given' : typeof value === 'string' ? value : shown(value)
}
