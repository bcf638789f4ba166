/** How parameters begin. */

/** What a parameter is filled with before training. */
export type Init =
  | { readonly normal: { readonly mean?: number; readonly std: number } }
  | { readonly uniform: { readonly low: number; readonly high: number } }
  | { readonly constant: number }
  /** He et al. 2015, for layers before a ReLU: normal, variance 2 / fan-in. */
  | 'he'
  /** Glorot and Bengio 2010: uniform, variance 2 / (fan-in + fan-out). */
  | 'glorot'
  /** What PyTorch's Conv2d and Linear do: uniform within ±1 / √fan-in, for weights and biases alike. */
  | 'pytorch'

/** An Init with its numbers worked out. */
export type Fill = Exclude<Init, string>

/** @throws Error for a name that is not one of Init's */
export function fillOf(init: Init, fanIn: number, fanOut: number): Fill {
  if (init === 'he') return { normal: { std: Math.sqrt(2 / fanIn) } }
  if (init === 'glorot') return symmetric(Math.sqrt(6 / (fanIn + fanOut)))
  if (init === 'pytorch') return symmetric(1 / Math.sqrt(fanIn))
  if (typeof init === 'object') return init
  throw new Error(`[init] expected 'he', 'glorot', 'pytorch' or a fill, got '${String(init)}'`)
}

function symmetric(bound: number): Fill {
  return { uniform: { low: -bound, high: bound } }
}
