/** A net's weights as a file that other programs read, too. */

import type { Net } from '../net/net.ts'
import { replaceWith } from '../util/files/atomic.ts'
import { readSafetensors, writeSafetensors } from '../util/files/safetensors.ts'
import { toMap, toTensors } from './snapshot.ts'

/**
 * Writes all parameters, running statistics included, as safetensors: f32, row-major, in public layouts
 * (OIHW, [out, in], [C]), named 'conv1.weight'. A file that is there is replaced in one step.
 *
 * @throws DiskError when the disk refuses; the file is as it was then
 *
 * @example
 * await saveWeights(net, 'fashion.safetensors')
 */
export async function saveWeights(net: Net, path: string): Promise<void> {
  const tensors = toTensors(await net.parameters.export(net.stream))
  await replaceWith(path, async (temporary) => {
    await writeSafetensors(temporary, tensors, { format: 'pt', net: net.definition.name })
  })
}

/**
 * Sets all parameters from a safetensors file.
 *
 * @throws DamagedFileError when the file is not whole
 * @throws Error naming a tensor that is missing, unknown or of another shape; nothing is set then
 */
export async function loadWeights(net: Net, path: string): Promise<void> {
  const { tensors } = await readSafetensors(path)
  await net.parameters.import(net.stream, toMap(path, tensors))
}
