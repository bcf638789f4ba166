import type { Parameter } from '../../net/graph/parameter.ts'
import type { Net } from '../../net/net.ts'
import { sample, square } from './samples.ts'

/** How much one step changed a layer's weights, from a sample. */
export interface UpdateRatio {
  /** Name of the layer. */
  readonly layer: string
  /** The norm of the update divided by the norm of the weights. */
  readonly ratio: number
  /** The factor on the run's rate that they should have: their own, their course's and the schedule's. */
  readonly factor: number
}

/** Samples of parameters. */
export type WeightSamples = ReadonlyMap<Parameter, Float64Array>

const RUNS = 16

/**
 * Samples all weights of the first replica. Biases, scales and shifts are left out: most start at 0, where a ratio
 * means nothing.
 */
export async function sampleWeights(net: Net): Promise<WeightSamples> {
  const weights = new Map<Parameter, Float64Array>()
  for (const parameter of net.parameters.trained) {
    const { part, copy, dims, master } = parameter
    const stream = net.placement.parts[part]?.stream
    if (dims.length < 2 || copy || !stream) continue
    weights.set(parameter, await sample(stream, master.place, RUNS))
  }
  return weights
}

/**
 * Compares samples from before a step with samples from after it.
 * @param factorOf of a parameter: see `UpdateRatio.factor`
 */
export function updateRatios(
  before: WeightSamples,
  after: WeightSamples,
  factorOf: (parameter: Parameter) => number
): readonly UpdateRatio[] {
  const sums = new Map<string, { update: number; weights: number; factor: number }>()
  for (const [parameter, old] of before) {
    const now = after.get(parameter)
    if (!now) continue
    const sum = sums.get(parameter.name) ?? { update: 0, weights: 0, factor: factorOf(parameter) }
    sum.update += square(now.map((value, i) => value - (old[i] ?? 0)))
    sum.weights += square(old)
    sums.set(parameter.name, sum)
  }
  return [...before.keys()].flatMap(({ name, layer }) => {
    const sum = sums.get(name)
    sums.delete(name)
    if (!sum || sum.weights === 0) return []
    return [{ layer, ratio: Math.sqrt(sum.update / sum.weights), factor: sum.factor }]
  })
}
