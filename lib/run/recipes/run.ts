import { adam, decayRule, momentumRule, type Optimizer, sgd } from '../../optim/optimizer.ts'
import type { Course, Courses, Progress } from '../../optim/schedule.ts'
import { checkArguments, checkOptions } from '../../util/check/check.ts'
import { f32, flag, maybe, record } from '../../util/check/rules.ts'
import type { TrainSettings } from '../settings.ts'
import { courseOf, type RateCourse, type Recipe, rateAt, recipeRule } from './recipe.ts'

/** What a run may set of its recipe's optimizer. */
export type OptimizerChoice = Partial<Pick<TrainSettings, 'momentum' | 'beta2' | 'weightDecay'>>
const choice = record<OptimizerChoice>({
  momentum: maybe(momentumRule),
  beta2: maybe(f32({ from: 0, below: 1 })),
  weightDecay: maybe(decayRule)
})

/**
 * Makes the optimizer of a recipe, optionally with some settings of its own.
 *
 * @param options `momentum` is β₁ of Adam. Default: the recipe's
 *
 * @example
 * const optimizer = recipeOptimizer(recipeByName('paper'), { momentum: 0.95 })
 */
export function recipeOptimizer(recipe: Recipe, options: OptimizerChoice = {}): Optimizer {
  checkArguments('recipe', { recipe: [recipe, recipeRule] })
  checkOptions('recipe', options, choice)
  const { update, decay } = recipe
  const { weightDecay = decay.weight } = options
  if (update.form === 'adam') {
    const { momentum: beta1 = update.beta1, beta2 = update.beta2 } = options
    return adam({ beta1, beta2, weightDecay })
  }
  const { momentum = update.momentum } = options
  return sgd({ momentum, weightDecay, form: update.form })
}

/** Epochs of the recipe that are done. In a run of another length, changes of rates move in proportion. */
function recipeEpoch({ epochs }: Recipe, { step, steps }: Progress): number {
  return steps > 0 ? (step / steps) * epochs : 0
}

/**
 * Makes the factors of each parameter on learning rate and weight decay, relative to those of weights at the start. For
 * `train`'s option `courses`. Drops by plateau are left to `schedules.plateau`.
 *
 * @param changing false if another schedule changes the rates, so that only the ratios between parameters remain.
 *   Default true
 *
 * @example
 * const recipe = recipeByName('chm-145')
 * train(net, set, { lr: 0.01, optimizer: recipeOptimizer(recipe), courses: recipeCourses(recipe) })
 */
export function recipeCourses(recipe: Recipe, changing = true): Courses {
  checkArguments('recipe', { recipe: [recipe, recipeRule], changing: [changing, flag] })
  const { rates, decay } = recipe
  const base = rates.weight.rate
  const share = decay.weight === 0 ? 1 : decay.bias / decay.weight
  const known = { weight: new Map<RateCourse, Course>(), bias: new Map<RateCourse, Course>() }
  return ({ layer, kind }) => {
    const bias = kind === 'bias'
    const course = courseOf(recipe, layer, kind)
    const ofKind = known[bias ? 'bias' : 'weight']
    const made = ofKind.get(course) ?? {
      rate: (at) => rateAt(course, changing ? recipeEpoch(recipe, at) : 0) / base,
      ...(bias && { decay: () => share })
    }
    ofKind.set(course, made)
    return made
  }
}
