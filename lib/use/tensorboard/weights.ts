/** Histograms of what a net has learnt, and of the gradients of its last step. */
import type { Tensor } from '../../engine/memory.ts'
import type { Parameter } from '../../net/graph/parameter.ts'
import { exportTensors, type PublicTensor } from '../../net/graph/public-tensors.ts'
import type { Net } from '../../net/net.ts'

/** Reads each tensor by itself, so that no more than one is in memory. */
async function* each(
  { parameters, stream }: Net,
  tensorOf: (parameter: Parameter) => Tensor,
  wanted: (parameter: Parameter) => boolean
): AsyncGenerator<readonly [name: string, tensor: PublicTensor]> {
  const all = parameters.all.filter(wanted)
  for (const name of new Set(all.map(({ name }) => name))) {
    const pieces = all.filter((one) => one.name === name)
    const read = await exportTensors(
      stream,
      pieces.map((one) => [one, tensorOf(one)])
    )
    const tensor = read.get(name)
    if (tensor) yield [name, tensor]
  }
}

/** All parameters by name, running statistics included. */
export function weightsOf(net: Net) {
  return each(
    net,
    ({ master }) => master.place,
    () => true
  )
}

/** The gradients that the last step was made with, by the names of their parameters, times its loss scale. */
export function gradientsOf(net: Net) {
  return each(
    net,
    ({ gradient }) => gradient.place,
    ({ trained }) => trained
  )
}
