/** Initial values of parameters. */

/**
 * How a parameter is initialised. Fan-in and fan-out count the inputs and outputs of one unit.
 *
 * - `'he'`: normal with variance 2 / fan-in, for layers before a ReLU. He et al. 2015.
 * - `'lecun'`: normal with variance 1 / fan-in. LeCun et al. 1998, "Efficient BackProp".
 * - `'glorot'`: uniform with variance 2 / (fan-in + fan-out). Glorot and Bengio 2010.
 * - `'pytorch'`: uniform in ±1 / √fan-in for weights and biases, as PyTorch's Conv2d and Linear are initialised.
 */
export type Init =
  | {
      /** Draws from N(mean, std²). */
      readonly normal: {
        /** Default 0. */
        readonly mean?: number
        /** Standard deviation. */
        readonly std: number
      }
    }
  | {
      /** Draws from the uniform distribution over [low, high). */
      readonly uniform: {
        /** Lower bound, included. */
        readonly low: number
        /** Upper bound, excluded. */
        readonly high: number
      }
    }
  | {
      /** Sets all to this number. */
      readonly constant: number
    }
  | 'he'
  | 'lecun'
  | 'glorot'
  | 'pytorch'

/** An Init as a distribution with its numbers. */
export type Fill = Exclude<Init, string>

/** @throws Error for a name that Init does not have */
export function fillOf(init: Init, fanIn = 1, fanOut = 1): Fill {
  if (init === 'he') return { normal: { std: Math.sqrt(2 / fanIn) } }
  if (init === 'lecun') return { normal: { std: Math.sqrt(1 / fanIn) } }
  if (init === 'glorot') return symmetric(Math.sqrt(6 / (fanIn + fanOut)))
  if (init === 'pytorch') return symmetric(1 / Math.sqrt(fanIn))
  if (typeof init === 'object') return init
  throw new Error(
    `[init] expected 'he', 'lecun', 'glorot', 'pytorch' or a fill, got '${String(init)}'`
  )
}

function symmetric(bound: number): Fill {
  return { uniform: { low: -bound, high: bound } }
}
