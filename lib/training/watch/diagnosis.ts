import type { ReluStats } from './relu-stats.ts'
import type { UpdateRatio } from './update-ratios.ts'

/** Thresholds of failures. Healthy runs stay well away from all of them: a false alarm is worse than none. */
export const limits = {
  /**
   * A ReLU is dead if at most this fraction of its outputs is not 0. Trained ReLUs give 0 for 50 to 95 % (Glorot et al.
   * 2011, Deep Sparse Rectifier Neural Networks), a dead one for all.
   */
  live: 1e-3,
  /**
   * Norm of the update divided by norm of the weights. About 1e-3 is usual (Karpathy, notes of CS231n, "Ratio of
   * weights:updates"); Adam starts with about 1e-2.
   */
  ratio: { most: 1e-1, least: 1e-7 },
  /** Weights with a smaller factor on the rate, by schedule and courses, are meant to change little. */
  factor: 1e-2,
  /** Measurements in a row that must be beyond those limits. A single step may be. */
  measurements: 3,
  /**
   * The loss is at its start while it is within these fractions of ln(classes). Learning shows first below it; a rate
   * that is too high lifts it. Stuck nets on ImageNet are reported at 6.88 to 6.91.
   */
  plateau: { below: 0.01, above: 0.05 },
  /**
   * Images of each class before that counts as stuck. Healthy AlexNets leave 6.9 within 2,000 steps of 256, half as
   * many.
   */
  images: 500,
  /**
   * If outputs differ between images by less than this fraction, biases outweigh the inputs. Caffe's readme of
   * bvlc_alexnet reports a flat loss with biases of 1 and weights from N(0, .01).
   */
  apart: 0.02,
  /** If the loss is stuck and no weights change by more than this ratio, the rate is too low. */
  slow: 1e-5
} as const

/** A failure of a run that is under way. */
export interface Diagnosis {
  /**
   * `plateau`: the loss stays at ln(classes). `dead`: a ReLU gives 0 for all images. `exploding`, `vanishing`: a step
   * changes weights by too much, or by almost nothing. `not-finite`: a value was not finite, and the run ends.
   */
  readonly kind: 'plateau' | 'dead' | 'exploding' | 'vanishing' | 'not-finite'
  /** Steps done when it was found. */
  readonly step: number
  /** The layer, if it is known. */
  readonly layer?: string
  /** For people: the failure, its likely cause, and a remedy. */
  readonly text: string
}

/** Measurements that diagnoses are made from. */
export interface Evidence {
  readonly step: number
  /** The learning rate, with the schedule's factor. */
  readonly rate: number
  readonly relus: readonly ReluStats[]
  readonly weights: readonly UpdateRatio[]
}

/** The first dead ReLU, which may be why later ones are dead. */
export function deadRelu(relus: readonly ReluStats[]): ReluStats | undefined {
  return relus.find(({ live }) => live <= limits.live)
}

/** The weights that change most, if that is too much. */
export function explodingWeights(weights: readonly UpdateRatio[]): UpdateRatio | undefined {
  const [worst] = weights.toSorted((a, b) => b.ratio - a.ratio)
  return worst && worst.ratio > limits.ratio.most ? worst : undefined
}

/** The weights that change least, if that is too little and not intended. */
export function vanishingWeights(weights: readonly UpdateRatio[]): UpdateRatio | undefined {
  const meant = weights.filter(({ factor }) => factor >= limits.factor)
  const [worst] = meant.toSorted((a, b) => a.ratio - b.ratio)
  return worst && worst.ratio < limits.ratio.least ? worst : undefined
}

/** True if a mean loss is that of guessing. */
export function isGuessing(loss: number, classes: number): boolean {
  const { below, above } = limits.plateau
  const guess = Math.log(classes)
  return loss > guess * (1 - below) && loss < guess * (1 + above)
}

/** @param bias the mean of the layer's biases, if it has some */
export function deadDiagnosis(
  { step, rate }: Evidence,
  { layer }: ReluStats,
  bias: number | undefined
): Diagnosis {
  const what = `Layer '${layer}' is dead: its ReLU gives 0 for all images, and no gradient passes it.`
  const why =
    bias !== undefined && bias < 0
      ? `Its biases, ${figure(bias)} on average, keep it there: begin again with biases from 0, or, where they ` +
        `began so, with a lower rate than ${figure(rate)}.`
      : `Most likely a rate that is too high has thrown its weights there: begin again with a lower one, such as ` +
        `${figure(rate / 10)}.`
  return { kind: 'dead', step, layer, text: `${what} ${why}` }
}

export function explodingDiagnosis({ step, rate }: Evidence, weights: UpdateRatio): Diagnosis {
  const { layer, ratio } = weights
  return {
    kind: 'exploding',
    step,
    layer,
    text:
      `A step changes the weights of layer '${layer}' by ${figure(100 * ratio)} %, where 0.1 % is usual. ` +
      `The rate of ${figure(rate)} is too high for them: try ${figure(rate / 10)}.`
  }
}

export function vanishingDiagnosis(evidence: Evidence, { layer, ratio }: UpdateRatio): Diagnosis {
  const { step, rate, weights } = evidence
  const most = Math.max(...weights.map((one) => one.ratio))
  const what = `A step changes the weights of layer '${layer}' by ${figure(100 * ratio)} %, where 0.1 % is usual`
  const text =
    most < limits.slow
      ? `${what}, and those of no layer by more than ${figure(100 * most)} %. The rate of ${figure(rate)} is too low: try a ` +
        'higher one, such as 0.01.'
      : `${what}, and those of other layers by up to ${figure(100 * most)} %. Gradients fade before they come to it: begin ` +
        'with larger weights, put ReLUs in place of tanh and sigmoid, or norms between the layers.'
  return { kind: 'vanishing', step, layer, text }
}

/** @param loss the mean over the last steps */
export function plateauDiagnosis(
  { step, rate, relus, weights }: Evidence,
  loss: number,
  classes: number
): Diagnosis {
  const what = `The loss stands at ${figure(loss)} since the start, about ln ${classes}: the net guesses.`
  const flat = relus.find(({ apart }) => apart !== undefined && apart < limits.apart)
  if (flat) {
    const { layer } = flat
    const text =
      `${what} Layer '${layer}' gives nearly the same for all images, since biases outweigh what comes in: begin ` +
      'again with larger weights (a deviation of 0.03, or he) or with smaller biases.'
    return { kind: 'plateau', step, layer, text }
  }
  const [most] = weights.toSorted((a, b) => b.ratio - a.ratio)
  if (most && most.ratio < limits.slow) {
    const text =
      `${what} A step changes no weights by more than ${figure(100 * most.ratio)} % (layer ` +
      `'${most.layer}'), where 0.1 % is usual: try a higher rate than ${figure(rate)}.`
    return { kind: 'plateau', step, layer: most.layer, text }
  }
  const text =
    `${what} Its layers do tell images apart: look whether the labels are those of the images, and try another ` +
    `rate than ${figure(rate)}, a third of it or three times as much.`
  return { kind: 'plateau', step, text }
}

/** Two or three digits. */
function figure(value: number): string {
  return String(Number(value.toPrecision(Math.abs(value) >= 1 && Math.abs(value) < 100 ? 3 : 2)))
}
