/** Writes weights as a safetensors file, in f32 or f16. */
import { replaceWith } from '../../util/files/atomic.ts'
import { writeSafetensors } from '../../util/files/safetensors.ts'
import { storedTensors, type WeightedNet } from '../stored.ts'

/**
 * Writes all parameters by name. An existing file is replaced atomically.
 *
 * @param options.dtype of weights of two dimensions or more; the others are f32
 * @throws RangeError for a weight that f16 does not hold
 * @throws DiskError where the disk refuses; the file is as it was then
 */
export async function exportSafetensors(
  { definition, tensors }: WeightedNet,
  path: string,
  { dtype }: { readonly dtype: 'f32' | 'f16' }
): Promise<void> {
  const stored = await storedTensors(tensors, dtype)
  const all = Object.fromEntries(
    Array.from(stored, ([name, { bytes, ...facts }]) => [name, { ...facts, data: bytes }])
  )
  await replaceWith(path, async (temporary) => {
    await writeSafetensors(temporary, all, { format: 'pt', net: definition.name })
  })
}
