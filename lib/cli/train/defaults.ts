/** The default settings of training by the command line; those of the net come from lib/run/defaults.ts. */
import { defaultTraining } from '../../run/defaults.ts'
import { recipeDefaults } from '../../run/recipes/plan.ts'
import type { Recipe } from '../../run/recipes/recipe.ts'
import type { TrainSettings } from '../../run/settings.ts'

export const defaults = {
  net: 'fashion',
  batch: 16,
  beta2: 0.98,
  schedule: 'warmCosine',
  seed: 1
} as const

/**
 * The defaults of a run without a recipe. Where a rate or a momentum is given, they are those of SGD, whose rates blow
 * up Adam.
 */
export function defaultSettingsOf(given: Partial<TrainSettings>): Omit<TrainSettings, 'dtype'> {
  const { net = defaults.net, batch = defaults.batch, lr, momentum } = given
  const { optimizer = lr === undefined && momentum === undefined ? undefined : 'sgd' } = given
  return { ...defaults, net, batch, ...defaultTraining({ net, batch, optimizer }) }
}

/** The defaults of a run by a recipe: without its length where one is given. */
export function defaultsOf(
  recipe: Recipe,
  given: Partial<TrainSettings>
): Omit<TrainSettings, 'dtype'> {
  const { epochs, steps, ...rest } = recipeDefaults(recipe)
  const free = given.steps === undefined && given.epochs === undefined
  return {
    ...defaults,
    ...rest,
    ...(given.recipe !== undefined && { recipe: given.recipe }),
    ...(free && epochs !== undefined && { epochs }),
    ...(free && steps !== undefined && { steps })
  }
}
