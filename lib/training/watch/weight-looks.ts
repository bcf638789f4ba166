/** How much a step changes the weights: by what really became of them, whatever optimizer does it. */

import type { Parameter } from '../../net/graph/parameter.ts'
import type { Net } from '../../net/net.ts'
import { sample, square } from './samples.ts'

/** What was seen of one layer's weights over one step. */
export interface WeightLook {
  readonly layer: string
  /** The norm of the update by that of the weights. */
  readonly ratio: number
  /** The factor on the run's rate that they were meant to have: their own, their course's and the schedule's. */
  readonly factor: number
}

/** Numbers of the parameters that are looked at. */
export type Weights = ReadonlyMap<Parameter, Float64Array>

const RUNS = 16

/**
 * Reads some of all weights; of replicas, the first one's. Biases and such are left out: most begin at 0, of which any
 * update is infinitely many times.
 */
export async function readWeights(net: Net): Promise<Weights> {
  const weights = new Map<Parameter, Float64Array>()
  for (const parameter of net.parameters.trained) {
    const { part, copy, dims, master } = parameter
    const stream = net.placement.parts[part]?.stream
    if (dims.length < 2 || copy || !stream) continue
    weights.set(parameter, await sample(stream, master.place, RUNS))
  }
  return weights
}

/** @param factorOf of a parameter: see `WeightLook.factor` */
export function compareWeights(
  before: Weights,
  after: Weights,
  factorOf: (parameter: Parameter) => number
): readonly WeightLook[] {
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
