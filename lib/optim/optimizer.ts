/** How gradients change weights: which op, with which device-side scalars, and what state each weight keeps. */
import type { Fields } from '../native/binding.ts'

/** What may change from step to step; read by the op from device memory. */
export interface StepScalars {
  /** The rate of this step, the parameter's own factor included. 0 leaves a parameter as it is. */
  readonly lr: number
  /** The weight decay, the parameter's own factor included. */
  readonly decay: number
  /** Steps done before this one. */
  readonly step: number
  /** On the gradient: what undoes a loss scale. Default 1. */
  readonly factor?: number
}

export interface Optimizer {
  readonly op: 'sgd' | 'adam'
  readonly fields: Fields
  /** Slots of the op that hold state, one f32 a weight each. */
  readonly state: readonly string[]
  readonly weightDecay: number
  /** The op's `hyper` for one parameter. */
  hyper(scalars: StepScalars): readonly number[]
}

export interface SgdOptions {
  /** Default 0. */
  readonly momentum?: number
  /** Default 0. */
  readonly weightDecay?: number
  /**
   * Where the rate stands. 'pytorch': v ← m·v + g + λ·w, w ← w - ε·v. 'paper': v ← m·v - ε·λ·w - ε·g, w ← w + v.
   * The two differ when the rate changes. Default 'pytorch'.
   */
  readonly form?: 'pytorch' | 'paper'
  /** Default false. */
  readonly nesterov?: boolean
}

/**
 * Stochastic gradient descent with momentum and weight decay.
 * @throws RangeError for a momentum that is not from 0 to 1, or a decay that is not from 0
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
    // With the rate in the velocity, what is in motion would go on at a rate of 0; the original code stops it, too.
    hyper: ({ lr, decay, factor = 1 }) => [lr, lr === 0 ? 0 : momentum, decay, factor]
  }
}

export interface AdamOptions {
  /** Default .9. */
  readonly beta1?: number
  /** Default .999. */
  readonly beta2?: number
  /** Default 1e-8. */
  readonly epsilon?: number
  /** Added to the gradient. Default 0. */
  readonly weightDecay?: number
}

/**
 * Kingma and Ba 2015.
 * @throws RangeError for a beta that is not from 0 and below 1, an epsilon or a decay that is not from 0
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
