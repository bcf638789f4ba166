/** Takes layers of a file of weights into a net. */
import type { Net } from '../net/net.ts'
import { DamagedFileError } from '../util/files/errors.ts'
import type { LeftOut, TakenTensor, WeightsFit } from '../weights/fit/fit.ts'

/** A layer that keeps the weights which it was built with. */
export interface LayerAnew {
  readonly layer: string
  /** Why the file's are not taken, in words. */
  readonly why: string
}

/** Which layers of a net a file fills. A layer is taken with all of its parameters, or not at all. */
export interface LayerFit {
  /** The layers that are taken, in the net's order. */
  readonly layers: readonly string[]
  /** Those that are not. */
  readonly anew: readonly LayerAnew[]
  /** Tensors of the file that have no place in the net. */
  readonly unused: readonly LeftOut[]
  /** The tensors of the layers that are taken. */
  readonly tensors: readonly TakenTensor[]
}

const layerOf = (parameter: string) => parameter.slice(0, parameter.lastIndexOf('.'))

/** @param without a layer that is not to be taken, and why */
export function layerFit(fit: WeightsFit, without?: LayerAnew): LayerFit {
  const why = new Map<string, string>()
  for (const { name, why: reason } of fit.missing) {
    const layer = layerOf(name)
    if (!why.has(layer)) why.set(layer, reason)
  }
  if (without) why.set(without.layer, without.why)
  const tensors = fit.taken.filter(({ parameter }) => !why.has(layerOf(parameter)))
  const layers = [...new Set(tensors.map(({ parameter }) => layerOf(parameter)))]
  const anew = [...why].map(([layer, reason]) => ({ layer, why: reason }))
  return { layers, anew, unused: fit.unused, tensors }
}

/**
 * Sets the layers of a net that a file fills; the others keep their weights.
 *
 * @param path for the error
 * @throws DamagedFileError where the file is damaged, or a weight is not finite; the net is then unchanged
 */
export async function takeWeights(
  net: Net,
  path: string,
  { tensors }: Pick<LayerFit, 'tensors'>
): Promise<void> {
  const all = await net.parameters.export(net.stream)
  for (const { parameter, shape, read } of tensors) {
    const data = await read()
    const wrong = data.findIndex((value) => !Number.isFinite(value))
    if (wrong >= 0) {
      throw new DamagedFileError(
        `[weights] ${path}: expected finite weights, got ${data[wrong]} in ${parameter}: take others, ` +
          'such as an earlier checkpoint of that training'
      )
    }
    all.set(parameter, { shape, data })
  }
  await net.parameters.import(net.stream, all)
}
