/** What an input recipe must be. */
import { checkOptions } from '../../util/check/check.ts'
import {
  either,
  f32,
  flag,
  maybe,
  number,
  oneOf,
  type Rule,
  record,
  whole
} from '../../util/check/rules.ts'
import type { ColourNoise, InputRecipe } from './augment.ts'

export const inputRule: Rule = record<InputRecipe>(
  {
    fit: maybe(oneOf('crop', 'resize')),
    flip: maybe(flag),
    offsets: maybe(whole({ from: 1 })),
    shared: maybe(whole({ from: 1 })),
    mean: maybe(oneOf('channel', 'pixel', 'centre', 'none')),
    divide: maybe(either(oneOf('std'), f32({ above: 0 }))),
    colour: maybe(
      record<ColourNoise>(
        {
          form: oneOf('eigenvalue', 'deviation'),
          sigma: f32({ from: 0 }),
          divide: maybe(f32({ above: 0 })),
          until: maybe(number({ from: 0 }))
        },
        { expected: "an object such as { form: 'eigenvalue', sigma: 0.1 }" }
      )
    )
  },
  {
    expected: "an object such as { fit: 'crop', flip: true }",
    also: ({ fit, offsets }) =>
      fit === 'resize' && offsets !== undefined
        ? { path: 'offsets', expected: "none with fit 'resize'", got: String(offsets) }
        : undefined
  }
)

/**
 * Checks a recipe from a file or from JavaScript.
 * @throws RangeError naming the field, what was expected, and what came
 *
 * @example
 * const recipe: unknown = JSON.parse(text)
 * checkInput(recipe)
 * for await (const step of train(net, set, { lr: 0.01, input: recipe })) console.log(step.loss)
 */
export function checkInput(recipe: unknown): asserts recipe is InputRecipe {
  checkOptions('input', recipe, inputRule)
}
