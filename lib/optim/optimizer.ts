/** Optimizers as data: which op updates weights, from which scalars, with which state per weight. */
import type { Fields } from '../native/op-info.ts'
import { checkOptions } from '../util/check/check.ts'
import {
  callback,
  f32,
  flag,
  list,
  maybe,
  oneOf,
  plain,
  type Rule,
  record,
  text
} from '../util/check/rules.ts'

/** Scalars that may change at each step. The op reads them from device memory. */
export interface StepScalars {
  /** Learning rate, times the parameter's own factor. 0 leaves a parameter unchanged. */
  readonly lr: number
  /** Weight decay, times the parameter's own factor. */
  readonly decay: number
  /** Number of steps before this one. */
  readonly step: number
  /** Factor on the gradient, such as the inverse of a loss scale. Default 1. */
  readonly factor?: number
}

/** An optimizer: `sgd` and `adam` make one. */
export interface Optimizer {
  /** The op that updates weights. */
  readonly op: 'sgd' | 'adam'
  /** Fields of the op. */
  readonly fields: Fields
  /** Slots of the op that hold state: one f32 per weight each. */
  readonly state: readonly string[]
  /** Weight decay λ of parameters without a factor of their own. */
  readonly weightDecay: number
  /** Values of the op's slot `hyper` for one parameter. */
  hyper(scalars: StepScalars): readonly number[]
}

/** What an optimizer must be. */
export const optimizerRule: Rule = record<Optimizer>(
  {
    op: oneOf('sgd', 'adam'),
    fields: plain,
    state: list(text),
    weightDecay: f32({ from: 0 }),
    hyper: callback
  },
  { open: true, expected: 'an optimizer, as sgd() or adam() returns it' }
)

/** Momentum of SGD. */
export const momentumRule: Rule = f32({ from: 0, to: 1 })
/** Weight decay λ. */
export const decayRule: Rule = f32({ from: 0 })

/** Options of `sgd`. */
export interface SgdOptions {
  /** Momentum m, 0 to 1. Default 0. */
  readonly momentum?: number
  /** Weight decay λ, from 0. Default 0. */
  readonly weightDecay?: number
  /**
   * Where the learning rate ε applies. 'pytorch': v ← m·v + g + λ·w, w ← w - ε·v. 'paper': v ← m·v - ε·λ·w - ε·g,
   * w ← w + v.
   * The two differ once the rate changes. Default 'pytorch'.
   */
  readonly form?: 'pytorch' | 'paper'
  /** Nesterov momentum: the step uses g + m·v in place of v. Default false. */
  readonly nesterov?: boolean
}

const sgdOptions = record<SgdOptions>({
  momentum: maybe(momentumRule),
  weightDecay: maybe(decayRule),
  form: maybe(oneOf('pytorch', 'paper')),
  nesterov: maybe(flag)
})

/**
 * Stochastic gradient descent with momentum and weight decay.
 * @throws RangeError for a momentum outside 0 to 1, or a negative decay
 *
 * @example
 * train(net, data.train, { optimizer: sgd({ momentum: 0.9, weightDecay: 5e-4 }), lr: 0.01 })
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  checkOptions('sgd', options, sgdOptions)
  const { momentum = 0, weightDecay = 0, form = 'pytorch', nesterov = false } = options
  return {
    op: 'sgd',
    fields: { rate_in_velocity: form === 'paper', nesterov },
    state: ['v'],
    weightDecay,
    // With the rate inside the velocity, weights would keep moving at rate 0. The original code stops them, too.
    hyper: ({ lr, decay, factor = 1 }) => [lr, lr === 0 ? 0 : momentum, decay, factor]
  }
}

/** Options of `adam`. */
export interface AdamOptions {
  /** Decay of the mean of gradients, from 0 and below 1. Default 0.9. */
  readonly beta1?: number
  /** Decay of the mean of squared gradients, from 0 and below 1. Default 0.999. */
  readonly beta2?: number
  /** Added to the root of the second mean. Default 1e-8. */
  readonly epsilon?: number
  /** Weight decay λ; λ·w is added to the gradient. Default 0. */
  readonly weightDecay?: number
}

const adamOptions = record<AdamOptions>({
  beta1: maybe(f32({ from: 0, below: 1 })),
  beta2: maybe(f32({ from: 0, below: 1 })),
  epsilon: maybe(f32({ from: 0 })),
  weightDecay: maybe(decayRule)
})

/**
 * Adam, from Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
 * @throws RangeError for a beta below 0 or from 1 on, also if only its f32 is 1, and for a negative epsilon or decay
 *
 * @example
 * train(net, data.train, { optimizer: adam({ beta2: 0.98 }), lr: 3e-4 })
 */
export function adam(options: AdamOptions = {}): Optimizer {
  checkOptions('adam', options, adamOptions)
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options
  return {
    op: 'adam',
    fields: {},
    state: ['m', 'v'],
    weightDecay,
    hyper: ({ lr, decay, step, factor = 1 }) => [
      lr,
      beta1,
      beta2,
      epsilon,
      decay,
      factor,
      step + 1,
      0
    ]
  }
}
