import { checkArguments } from '../../util/check/check.ts'
import { anyText, list } from '../../util/check/rules.ts'
import { ablate } from './ablation.ts'
import { caffe } from './caffe.ts'
import { chm145 } from './chm-145.ts'
import { convnet2OneGpu } from './convnet2-1gpu.ts'
import { kerasFashion } from './keras-fashion.ts'
import { paper } from './paper.ts'
import type { Recipe } from './recipe.ts'
import { tensorflowMnist } from './tensorflow-mnist.ts'
import { torchvision } from './torchvision.ts'

/** All recipes. */
export const recipes: readonly Recipe[] = [
  paper,
  chm145,
  convnet2OneGpu,
  caffe,
  torchvision,
  kerasFashion,
  tensorflowMnist
]
/** Names of all recipes. */
export const recipeNames = recipes.map(({ name }) => name)

/**
 * Finds a recipe by name, and takes out components if asked for.
 *
 * @param without names of ablations. Default: none
 * @throws Error for a name that is not one of `recipeNames`, or an ablation that does not apply to it
 *
 * @example
 * const { net, rates } = recipeByName('chm-145', ['no-lrn'])
 */
export function recipeByName(name: string, without: readonly string[] = []): Recipe {
  checkArguments('recipe', { name: [name, anyText], without: [without, list(anyText)] })
  const recipe = recipes.find((known) => known.name === name)
  if (recipe) return ablate(recipe, without)
  throw new Error(
    `[recipe] there is no recipe '${name}': expected one of ${recipeNames.join(', ')}`
  )
}
