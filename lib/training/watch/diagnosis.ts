/** What can be wrong with a run that goes on: by which figures it is told, what its cause is, and what mends it. */
import type { ReluLook } from './relu-looks.ts'
import type { WeightLook } from './weight-looks.ts'

/**
 * What is taken for a failure. Healthy runs keep well away from all of these: a note that is not so is worse than
 * none.
 */
export const limits = {
  /**
   * A ReLU is dead when no more of its outputs than this are not 0. Trained ReLUs give 0 for some 50 to 95 % (Glorot et
   * al. 2011, Deep Sparse Rectifier Neural Networks), a dead one for all.
   */
  live: 1e-3,
  /**
   * Norm of the update by norm of the weights; about 1e-3 is usual (Karpathy, notes of CS231n, "Ratio of
   * weights:updates"). Adam begins with some 1e-2.
   */
  ratio: { most: 1e-1, least: 1e-7 },
  /** Weights that schedule and courses give less of the rate than this are meant to stand nearly still. */
  factor: 1e-2,
  /** So many measurements in a row must be beyond those, since single steps may be. */
  measurements: 3,
  /**
   * The loss stands where it began while it is no further than this from ln(classes), in parts of it: below, as what
   * is learnt shows first, and above, as a rate that is too high makes it. Losses of 6.88 to 6.91 are what people
   * report of nets that are stuck.
   */
  plateau: { below: 0.01, above: 0.05 },
  /**
   * Images of each class before that is held to be long: healthy AlexNets leave 6.9 within some 2,000 steps of 256,
   * half as many.
   */
  images: 500,
  /**
   * Outputs for different images differ by less than this part of them where biases outweigh all else. Caffe's readme
   * of bvlc_alexnet tells of a flat loss with biases of 1, and weights drawn with a deviation of .01.
   */
  apart: 0.02,
  /** Where the loss stands still and no weights change by more than this, the rate is too low. */
  slow: 1e-5
} as const

/** Something that is wrong with a run. */
export interface Diagnosis {
  /**
   * `plateau`: the loss stands at ln(classes); `dead`: a ReLU gives 0 for all; `exploding` and `vanishing`: a step
   * changes weights by too much, or by nothing; `not-finite`: the run ends.
   */
  readonly kind: 'plateau' | 'dead' | 'exploding' | 'vanishing' | 'not-finite'
  /** Steps done when it was seen. */
  readonly step: number
  /** Where it is, as far as that can be told. */
  readonly layer?: string
  /** What it is, the likely cause, and a remedy. */
  readonly text: string
}

/** What is known when a run is judged. */
export interface Evidence {
  readonly step: number
  /** The rate, with the schedule's factor. */
  readonly rate: number
  readonly relus: readonly ReluLook[]
  readonly weights: readonly WeightLook[]
}

/** The first ReLU that is dead: those behind it may well be so for its sake. */
export function deadRelu(relus: readonly ReluLook[]): ReluLook | undefined {
  return relus.find(({ live }) => live <= limits.live)
}

/** The weights that change most, where that is too much. */
export function explodingWeights(weights: readonly WeightLook[]): WeightLook | undefined {
  const [worst] = weights.toSorted((a, b) => b.ratio - a.ratio)
  return worst && worst.ratio > limits.ratio.most ? worst : undefined
}

/** The weights that change least, where that is too little and not meant to be. */
export function vanishingWeights(weights: readonly WeightLook[]): WeightLook | undefined {
  const meant = weights.filter(({ factor }) => factor >= limits.factor)
  const [worst] = meant.toSorted((a, b) => a.ratio - b.ratio)
  return worst && worst.ratio < limits.ratio.least ? worst : undefined
}

/** Whether a mean loss is that of guessing. */
export function isGuessing(loss: number, classes: number): boolean {
  const { below, above } = limits.plateau
  const guess = Math.log(classes)
  return loss > guess * (1 - below) && loss < guess * (1 + above)
}

/** @param bias the mean of its layer's biases, where it has some */
export function deadDiagnosis(
  { step, rate }: Evidence,
  { layer }: ReluLook,
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

export function explodingDiagnosis({ step, rate }: Evidence, weights: WeightLook): Diagnosis {
  const { layer, ratio } = weights
  return {
    ...{ kind: 'exploding', step, layer },
    text:
      `A step changes the weights of layer '${layer}' by ${figure(100 * ratio)} %, where 0.1 % is usual. ` +
      `The rate of ${figure(rate)} is too high for them: try ${figure(rate / 10)}.`
  }
}

export function vanishingDiagnosis(evidence: Evidence, { layer, ratio }: WeightLook): Diagnosis {
  const { step, rate, weights } = evidence
  const most = Math.max(...weights.map((look) => look.ratio))
  const what = `A step changes the weights of layer '${layer}' by ${figure(100 * ratio)} %, where 0.1 % is usual`
  const text =
    most < limits.slow
      ? `${what}, and those of no layer by more than ${figure(100 * most)} %. The rate of ${figure(rate)} is too low: try a ` +
        'higher one, such as 0.01.'
      : `${what}, and those of other layers by up to ${figure(100 * most)} %. Gradients fade before they come to it: begin ` +
        'with larger weights, put ReLUs in place of tanh and sigmoid, or norms between the layers.'
  return { kind: 'vanishing', step, layer, text }
}

/** @param loss its mean over the last steps */
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

/** Two digits say enough. */
function figure(value: number): string {
  return String(Number(value.toPrecision(Math.abs(value) >= 1 && Math.abs(value) < 100 ? 3 : 2)))
}
