import { checkOptions } from '../../util/check/check.ts'
import { maybe, number, record, whole } from '../../util/check/rules.ts'

/** Options of `fitSteps`. */
export interface FitOptions {
  /** Seconds for training and test together. */
  readonly seconds: number
  /** Images a step. */
  readonly batch: number
  /** Images of the test that follows. Default 0. */
  readonly test?: number
}

const fitOptions = record<FitOptions>({
  seconds: number({ above: 0 }),
  batch: whole({ from: 1 }),
  test: maybe(whole({ from: 0 }))
})

/** A forward pass is at least this much faster than a step: a third of the arithmetic, and no update. */
const FORWARD = 4

/**
 * Returns a function that chooses how many steps fit a time, for `train`'s option `steps`. Training gets at least
 * half of the time, however slow the machine is.
 *
 * @returns a function from images a second to a number of steps, at least 1
 *
 * @example
 * train(net, data.train, { lr: 0.01, steps: fitSteps({ seconds: 150, batch: 32 }) })
 */
export function fitSteps(options: FitOptions): (imagesPerSecond: number) => number {
  checkOptions('fitSteps', options, fitOptions)
  const { seconds, batch, test = 0 } = options
  return (imagesPerSecond) => {
    const left = seconds - test / (FORWARD * imagesPerSecond)
    return Math.max(1, Math.floor((Math.max(left, seconds / 2) * imagesPerSecond) / batch))
  }
}
