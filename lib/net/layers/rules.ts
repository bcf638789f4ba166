/** What the options of layers must be. */
import {
  either,
  f32,
  flag,
  list,
  maybe,
  number,
  oneOf,
  type Rule,
  record,
  text,
  whole
} from '../../util/check/rules.ts'
import type { LayerOptions } from '../layer.ts'
import type { WeightedOptions } from './weighted.ts'

/** Options of every layer. */
export const layerRules = { name: maybe(text), inputs: maybe(list(text, { least: 1 })) }

/** For layers that have these options alone. */
export const layerOptions: Rule = record<LayerOptions>(layerRules)

/** [height, width], or one number for both. */
export const pairRule: Rule = either(
  whole({ from: 1 }),
  list(whole({ from: 1 }), { least: 2, most: 2 })
)

export const paddingRule: Rule = either(
  oneOf('same', 'valid'),
  whole({ from: 0 }),
  list(whole({ from: 0 }), { least: 4, most: 4 })
)

const normal = record({
  normal: record<{ mean?: number; std: number }>({ mean: maybe(f32()), std: f32({ from: 0 }) })
})
const uniform = record({
  uniform: record<{ low: number; high: number }>({ low: f32(), high: f32() })
})
const initRule: Rule = {
  ...either(
    oneOf('he', 'lecun', 'glorot', 'pytorch'),
    normal,
    uniform,
    record({ constant: f32() })
  ),
  expected: "'he', 'lecun', 'glorot', 'pytorch', or an object such as { normal: { std: 0.01 } }"
}

const factors = maybe(
  record<NonNullable<WeightedOptions['rate']>>({
    weight: maybe(number({ from: 0 })),
    bias: maybe(number({ from: 0 }))
  })
)

/** Options of layers with weights and a bias. */
export const weightedRules = {
  ...layerRules,
  relu: maybe(flag),
  bias: maybe(flag),
  init: maybe(initRule),
  biasInit: maybe(initRule),
  rate: factors,
  decay: factors
}
