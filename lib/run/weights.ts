import type { Net } from '../net/net.ts'
import { aNet } from '../net/rules.ts'
import { checkArguments } from '../util/check/check.ts'
import { text } from '../util/check/rules.ts'
import { replaceWith } from '../util/files/atomic.ts'
import { readSafetensors, writeSafetensors } from '../util/files/safetensors.ts'
import { toMap, toTensors } from './snapshot.ts'

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

/**
 * Sets all parameters of a net from a safetensors file, as `saveWeights` writes it.
 *
 * @throws DamagedFileError when the file is damaged, or a tensor is not f32
 * @throws DiskError when it cannot be read
 * @throws Error naming a tensor that is missing, unknown or of another shape; the net is then unchanged
 *
 * @example
 * await loadWeights(net, 'fashion.safetensors')
 * const { top1 } = await evaluate(net, data.test)
 */
export async function loadWeights(net: Net, path: string): Promise<void> {
  checkArguments('weights', { net: [net, aNet], path: [path, text] })
  const { tensors } = await readSafetensors(path)
  await net.parameters.import(net.stream, toMap(path, tensors))
}
