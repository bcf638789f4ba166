/** What a recipe makes of a run: its optimizer, and how each parameter's rate and decay go on. */

import { type Optimizer, sgd } from '../../optim/optimizer.ts'
import type { Course, Courses, Progress } from '../../optim/schedule.ts'
import { courseOf, type RateCourse, type Recipe, rateAt } from './recipe.ts'

/** The optimizer of a recipe, with a momentum and a decay of weights that may be others. */
export function recipeOptimizer(
  { update, decay }: Recipe,
  { momentum = update.momentum, weightDecay = decay.weight } = {}
): Optimizer {
  return sgd({ momentum, weightDecay, form: update.form })
}

/**
 * Epochs of the recipe that are done. A run that is longer or shorter than the recipe has its changes in
 * proportion later or earlier.
 */
function recipeEpoch({ epochs }: Recipe, { step, steps }: Progress): number {
  return steps > 0 ? (step / steps) * epochs : 0
}

/**
 * How the parameters of a recipe's net are trained, as factors on the rate and the decay that weights have at the
 * start. Drops by plateau are none of it: `schedules.plateau` is there for them.
 *
 * @param changing false where another schedule says how the rates go on: what is left is each kind's share
 *
 * @example
 * const recipe = recipeByName('chm-145')
 * train(net, set, { lr: 0.01, optimizer: recipeOptimizer(recipe), courses: recipeCourses(recipe) })
 */
export function recipeCourses(recipe: Recipe, changing = true): Courses {
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
