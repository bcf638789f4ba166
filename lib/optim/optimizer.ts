/** Optimizers as data: which op updates weights, from which scalars, with which state per weight. */
import type { Fields } from '../native/op-info.ts'

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

/**
 * Stochastic gradient descent with momentum and weight decay.
 * @throws RangeError for a momentum outside 0 to 1, or a negative decay
 *
 * @example
 * train(net, data.train, { optimizer: sgd({ momentum: 0.9, weightDecay: 5e-4 }), lr: 0.01 })
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { momentum = 0, weightDecay = 0, form = 'pytorch', nesterov = false } = options
  check('sgd', 'momentum', momentum, momentum >= 0 && momentum <= 1, 'from 0 to 1')
  check('sgd', 'weightDecay', weightDecay, weightDecay >= 0 && weightDecay < Infinity, 'from 0')
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

/**
 * Adam, from Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
 * @throws RangeError for a beta below 0 or from 1 on, and for a negative epsilon or decay
 *
 * @example
 * train(net, data.train, { optimizer: adam({ beta2: 0.98 }), lr: 3e-4 })
 */
export function adam(options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options
  check('adam', 'beta1 (momentum)', beta1, beta1 >= 0 && beta1 < 1, 'from 0 and below 1')
  check('adam', 'beta2', beta2, beta2 >= 0 && beta2 < 1, 'from 0 and below 1')
  check('adam', 'epsilon', epsilon, epsilon >= 0 && epsilon < Infinity, 'from 0')
  check('adam', 'weightDecay', weightDecay, weightDecay >= 0 && weightDecay < Infinity, 'from 0')
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

function check(what: string, name: string, value: number, good: boolean, wanted: string): void {
  if (good) return
  throw new RangeError(`[${what}] ${name}: expected a number ${wanted}, got ${value}`)
}
