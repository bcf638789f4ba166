import { NetDefinition } from '../net/definition.ts'
import { headOf } from '../net/freeze.ts'
import type { Net } from '../net/net.ts'
import { aNet } from '../net/rules.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { maybe, oneOf, record, text } from '../util/check/rules.ts'
import { replaceWith } from '../util/files/atomic.ts'
import { writeSafetensors } from '../util/files/safetensors.ts'
import { PlainError } from '../util/foreign.ts'
import { fitWeights, type LeftOut } from '../weights/fit/fit.ts'
import { isCounter } from '../weights/fit/names.ts'
import { readWeights } from '../weights/read.ts'
import { toTensors } from './snapshot.ts'
import { type LayerAnew, layerFit, takeWeights } from './take-weights.ts'

/**
 * Writes all parameters of a net, running statistics included, as a safetensors file: f32, row-major in public layouts
 * (OIHW, [out, in], [C]), by names such as 'conv1.weight'. An existing file is replaced atomically.
 *
 * @throws DiskError when the disk refuses; an existing file is then unchanged
 *
 * @example
 * await saveWeights(net, 'fashion.safetensors')
 */
export async function saveWeights(net: Net, path: string): Promise<void> {
  checkArguments('weights', { net: [net, aNet], path: [path, text] })
  const tensors = toTensors(await net.parameters.export(net.stream))
  await replaceWith(path, async (temporary) => {
    await writeSafetensors(temporary, tensors, { format: 'pt', net: net.definition.name })
  })
}

/** Options of `loadWeights`. */
export interface LoadWeightsOptions {
  /**
   * 'file': the file has weights for all layers. 'new': the last layer with weights keeps those that it was built with,
   * whatever the file has for it. Default 'file'.
   */
  readonly head?: 'file' | 'new'
}

const loadOptions = record<LoadWeightsOptions>({ head: maybe(oneOf('file', 'new')) })

/**
 * Sets all parameters of a net from a file of weights: safetensors as `saveWeights` writes it, or another format that
 * `readWeights` of `alexnode/weights` knows, with the names and shapes that `fitWeights` matches.
 *
 * @param options `head: 'new'` for a net of other classes, whose last layer is to be trained
 * @throws DamagedFileError when the file is damaged, or a weight is not finite
 * @throws DiskError when it cannot be read
 * @throws Error naming a parameter that the file has no weights for, or a tensor that the net has no place for; the
 * net is then unchanged
 *
 * @example
 * await loadWeights(net, 'fashion.safetensors')
 * const { top1 } = await evaluate(net, data.test)
 */
export async function loadWeights(
  net: Net,
  path: string,
  options: LoadWeightsOptions = {}
): Promise<void> {
  checkArguments('weights', { net: [net, aNet], path: [path, text] })
  checkOptions('weights', options, loadOptions)
  const { definition } = net
  if (!(definition instanceof NetDefinition)) throw new Error('[weights] expected a definition')
  const head = options.head === 'new' ? headOf(definition) : undefined
  const fit = await fitWeights(definition, await readWeights(path))
  const found = layerFit(fit, head === undefined ? undefined : { layer: head, why: 'as asked for' })
  const lacking = found.anew.filter(({ layer }) => layer !== head)
  const unknown = head === undefined ? found.unused.filter(({ name }) => !isCounter(name)) : []
  if (lacking.length > 0 || unknown.length > 0) throw unfit(path, definition.name, lacking, unknown)
  await takeWeights(net, path, found)
}

function unfit(
  path: string,
  net: string,
  lacking: readonly LayerAnew[],
  unknown: readonly LeftOut[]
): Error {
  const [first] = lacking
  const [other] = unknown
  const got = first
    ? `none for layer ${first.layer} (${first.why})`
    : `also ${other?.name} [${other?.shape}], which has no place there`
  const more = lacking.length + unknown.length - 1
  const others = more > 0 ? `, and ${more} more that do not fit` : ''
  return new PlainError(
    `[weights] ${path}: expected the weights of ${net}, all of them and no others, got ${got}${others}`
  )
}
