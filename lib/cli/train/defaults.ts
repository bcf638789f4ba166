/** The default settings of training. */
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
 * Rates by optimizer. Adam's, with its β₂ of .98, are tuned for `fashion` on a few thousand images: with the usual
 * .9 and .999 its averages still hold the first steps after some hundred.
 */
export const rates = {
  sgd: { lr: 0.01, momentum: 0.9, weightDecay: 0.0005 },
  adam: { lr: 0.0003, momentum: 0.8, weightDecay: 0 }
} as const

/** Adam for `fashion`, else SGD; SGD, too, where a rate or a momentum is given, since those of SGD blow up Adam. */
export function defaultOptimizer({ net, lr, momentum }: Partial<TrainSettings>): 'sgd' | 'adam' {
  const free = lr === undefined && momentum === undefined
  return free && (net ?? defaults.net) === 'fashion' ? 'adam' : 'sgd'
}

/** The defaults of a run by a recipe: without epochs where its length is given in steps. */
export function defaultsOf(
  recipe: Recipe,
  { recipe: name, steps }: Partial<TrainSettings>
): Omit<TrainSettings, 'dtype'> {
  const { epochs, ...rest } = recipeDefaults(recipe)
  return {
    ...defaults,
    ...rest,
    ...(name !== undefined && { recipe: name }),
    ...(steps === undefined && epochs !== undefined && { epochs })
  }
}
