import {
  decayRule,
  momentumRule,
  type Optimizer,
  type SgdOptions,
  sgd
} from '../../optim/optimizer.ts'
import type { Course, Courses, Progress } from '../../optim/schedule.ts'
import { checkArguments, checkOptions } from '../../util/check/check.ts'
import { flag, maybe, record } from '../../util/check/rules.ts'
import { courseOf, type RateCourse, type Recipe, rateAt, recipeRule } from './recipe.ts'

type SgdChoice = Pick<SgdOptions, 'momentum' | 'weightDecay'>
const sgdChoice = record<SgdChoice>({
  momentum: maybe(momentumRule),
  weightDecay: maybe(decayRule)
})

/**
 * Makes the optimizer of a recipe, optionally with another momentum or weight decay.
 *
 * @example
 * const optimizer = recipeOptimizer(recipeByName('paper'), { momentum: 0.95 })
 */
export function recipeOptimizer(
  recipe: Recipe,
  options: { readonly momentum?: number; readonly weightDecay?: number } = {}
): Optimizer {
  checkArguments('recipe', { recipe: [recipe, recipeRule] })
  checkOptions('recipe', options, sgdChoice)
  const { update, decay } = recipe
  const { momentum = update.momentum, weightDecay = decay.weight } = options
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
