/** Options of `fitSteps`. */
export interface FitOptions {
  /** Seconds for training and test together. */
  readonly seconds: number
  /** Images a step. */
  readonly batch: number
  /** Images of the test that follows. Default 0. */
  readonly test?: number
}

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
export function fitSteps({
  seconds,
  batch,
  test = 0
}: FitOptions): (imagesPerSecond: number) => number {
  return (imagesPerSecond) => {
    const left = seconds - test / (FORWARD * imagesPerSecond)
    return Math.max(1, Math.floor((Math.max(left, seconds / 2) * imagesPerSecond) / batch))
  }
}
