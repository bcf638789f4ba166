/** How many steps of training fit a time. */

export interface FitOptions {
  /** For training and test together. */
  readonly seconds: number
  /** Images a step. */
  readonly batch: number
  /** Images of the test that follows. Default 0. */
  readonly test?: number
}

/** A forward pass alone is at least this much faster than a step: a third of the work, and no update. */
const FORWARD = 4

/**
 * Chooses how many steps to make, told the pace of the first: for `train`'s option `steps`. At least half
 * of the time goes into training, however slow the machine is.
 *
 * @example
 * train(net, data.train, { lr: 0.01, steps: fitSteps({ seconds: 150, batch: 32 }) })
 */
export function fitSteps({ seconds, batch, test = 0 }: FitOptions): (pace: number) => number {
  return (imagesPerSecond) => {
    const left = seconds - test / (FORWARD * imagesPerSecond)
    return Math.max(1, Math.floor((Math.max(left, seconds / 2) * imagesPerSecond) / batch))
  }
}
